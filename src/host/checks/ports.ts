// The tenants' side.

import { ipFamily } from '../../net/index.js'
import { type Check, counted, found, warning } from './check.js'
import { overheadOf } from './mtu.js'

export const portChecks: readonly Check[] = [
  {
    code: 'portMissing',
    title: 'Every port is open',
    group: 'ports',
    look({ ports }) {
      const findings = [...ports.values()]
        .filter(({ id }) => id === undefined)
        .map(({ port, reason }) =>
          warning(
            `port ${port.name} is not open: ${reason}`,
            `make the interface, or: vtep port remove ${port.name}`,
            port.name,
          ),
        )
      return found(findings, counted(ports.size, 'port'))
    },
  },
  {
    code: 'portDown',
    title: 'Every port has carrier',
    group: 'ports',
    look({ ports, portStates }) {
      const up = new Map(portStates().map((port) => [port.id, port.up]))
      const findings = [...ports.values()]
        .filter(({ id }) => id !== undefined && up.get(id) === false)
        .map(({ port }) =>
          warning(
            `port ${port.name} has no carrier`,
            'start the guest, or set its interface up',
            port.name,
          ),
        )
      return found(findings, 'all that are open')
    },
  },
  {
    code: 'learnLimit',
    title: 'No port has taught as much as it may',
    group: 'ports',
    look({ effective, portStates }) {
      const { learnLimit } = effective.config.dataplane
      if (learnLimit === 0) return { ok: 'dataplane.learnLimit sets none' }
      const findings = portStates()
        .filter(({ macs, neighbours }) => Math.max(macs, neighbours) >= learnLimit)
        .map(({ name, macs, neighbours }) =>
          warning(
            `port ${name} has ${macs} MACs and ${neighbours} IP addresses: expected fewer than ${learnLimit} (dataplane.learnLimit); no more are learned from it`,
            `look at who invents them: vtep capture --port ${name}; or raise dataplane.learnLimit`,
            name,
          ),
        )
      return found(findings, `each fewer than ${learnLimit}`)
    },
  },
  {
    code: 'mtu',
    title: "Tenants' frames fit into the underlay",
    group: 'ports',
    hides: ['pathMtu'],
    look({ effective, evpn, portStates, remoteStates }) {
      const ports = portStates()
      const overhead = overheadOf(ipFamily(effective.config.vtep.address))
      const carries = new Map(remoteStates().map(({ address: dst, mtu: size }) => [dst, size]))
      const findings = effective.config.networks.flatMap(({ name, vni }) => {
        const port = ports
          .filter((one) => one.vni === vni && one.mtu > 0)
          .reduce<{ name: string; mtu: number } | undefined>(
            (largest, one) => (largest === undefined || one.mtu > largest.mtu ? one : largest),
            undefined,
          )
        const narrow = [...(evpn.image.networks.get(vni)?.floods.keys() ?? [])]
          .map((dst) => ({ dst, mtu: carries.get(dst) ?? 0 }))
          .filter(({ mtu: size }) => size > 0)
          .sort((a, b) => a.mtu - b.mtu)[0]
        if (port === undefined || narrow === undefined) return []
        const need = port.mtu + overhead
        if (need <= narrow.mtu) return []
        const fits = narrow.mtu - overhead
        const evidence = `network ${name}: port ${port.name} has MTU ${port.mtu}, which needs ${need} on the way to ${narrow.dst}, and that carries ${narrow.mtu}: expected an underlay MTU of ${need} or a port MTU of ${fits}`
        return [warning(evidence, `ip link set ${port.name} mtu ${fits}`, narrow.dst)]
      })
      return found(findings, 'every network')
    },
  },
]
