// What is not as it should be, each with a stable code and one sentence that has the numbers.

import { profileFor } from '../../evpn/index.js'
import { ipFamily } from '../../net/index.js'
import type { HealthView } from '../views/index.js'
import { offloadFindings } from './offloads.js'
import type { StateSource } from './source.js'

type Check = (source: StateSource) => readonly HealthView[]

const warning = (code: string, text: string): HealthView => ({ code, severity: 'warning', text })
const error = (code: string, text: string): HealthView => ({ code, severity: 'error', text })

/** Adding a check is one row here. */
const checks: readonly Check[] = [
  function forwards({ uplink, dataplaneRestarts }) {
    if (uplink === undefined)
      return [error('dataplaneDown', 'no dataplane runs: nothing is forwarded')]
    if (dataplaneRestarts === 0) return []
    const times = dataplaneRestarts === 1 ? 'once' : `${dataplaneRestarts} times`
    return [warning('dataplaneRestarted', `the dataplane had to be started again ${times}`)]
  },

  function peersUp({ speaker }) {
    return speaker
      .peers()
      .filter(({ state }) => state !== 'Established')
      .map(({ id, state, lastError }) => {
        const why = lastError === undefined ? '' : `: ${lastError.text}`
        return warning('peerDown', `peer ${id} is ${state}${why}`)
      })
  },

  function familiesReadable({ speaker }) {
    return speaker
      .peers()
      .flatMap(({ id, session }) =>
        (session?.families ?? [])
          .filter(({ disabled }) => disabled)
          .map(({ family }) =>
            error(
              'familyDisabled',
              `peer ${id} sent routes of family ${family} that can not be told apart: all of them are ignored until \`vtep peer clear ${id}\``,
            ),
          ),
      )
  },

  function portsOpen({ ports, portStates, uplink }) {
    // Without a dataplane every port is missing, and that is said already.
    if (uplink === undefined) return []
    const up = new Map(portStates().map((port) => [port.id, port.up]))
    return [...ports.values()].flatMap(({ port, id, reason }) => {
      if (id === undefined)
        return [warning('portMissing', `port ${port.name} is not open: ${reason}`)]
      return up.get(id) === false ? [warning('portDown', `port ${port.name} has no carrier`)] : []
    })
  },

  function offloadsWork({ portStates, underlayStates, interfaceName }) {
    const underlays = underlayStates().map(({ ifindex, flags }) => ({
      name: interfaceName(ifindex),
      flags,
    }))
    return offloadFindings(portStates(), underlays).map(({ code, severity, evidence, fix }) => ({
      code,
      severity,
      text: `${evidence}; ${fix}`,
    }))
  },

  function targetsMeet({ evpn, effective }) {
    const { asn, routeTargetAsn = asn } = effective.config
    return evpn.mismatches().map(({ network, vni, remote, targets, importTargets }) => {
      const profile = targets
        .map((target) => profileFor(routeTargetAsn, vni, target))
        .find((name) => name !== undefined)
      const fix =
        profile === undefined
          ? 'add one of them to its routeTargets.import'
          : `profile ${profile} would import it`
      const text = `VTEP ${remote} announces VNI ${vni} under ${targets.join(', ') || 'no route target'}, network ${network} imports ${importTargets.join(', ')}: ${fix}`
      return warning('routeTargetMismatch', text)
    })
  },

  function noDuplicates({ evpn }) {
    return evpn.duplicates().map(({ network, kind, address }) => {
      const code = kind === 'mac' ? 'duplicateMac' : 'duplicateIp'
      const what =
        'moves too often and is left alone for now: two hosts use it, or the network has a loop'
      const how = `\`vtep duplicate clear ${address}\` ends it`
      return warning(code, `${address} of network ${network} ${what}; ${how}`)
    })
  },

  function eventsKept({ eventArchive }) {
    const { failure, lost = 0 } = eventArchive ?? {}
    if (failure === undefined) return []
    const text = `events are not kept on disk: ${failure}; ${lost} are lost so far`
    return [warning('eventLog', text)]
  },

  function vtepsResolved({ remoteStates }) {
    const unresolved = remoteStates().filter(({ resolved }) => !resolved)
    return unresolved.map(({ address }) =>
      warning('vtepUnresolved', `VTEP ${address}: the underlay has no route or no neighbour to it`),
    )
  },

  function mtuFits({ effective, evpn, portStates, remoteStates }) {
    const ports = portStates()
    const { address } = effective.config.vtep
    // Outer IP, UDP, VXLAN and the inner Ethernet header.
    const overhead = ipFamily(address) === 4 ? 50 : 70
    const carries = new Map(remoteStates().map(({ address: dst, mtu: size }) => [dst, size]))
    return evpn.networks().flatMap(({ name, vni, remotes }) => {
      const port = ports
        .filter((one) => one.vni === vni && one.mtu > 0)
        .reduce<{ name: string; mtu: number } | undefined>(
          (largest, one) => (largest === undefined || one.mtu > largest.mtu ? one : largest),
          undefined,
        )
      const narrow = remotes
        .map((dst) => ({ dst, mtu: carries.get(dst) ?? 0 }))
        .filter(({ mtu: size }) => size > 0)
        .sort((a, b) => a.mtu - b.mtu)[0]
      if (port === undefined || narrow === undefined) return []
      const need = port.mtu + overhead
      if (need <= narrow.mtu) return []
      const text = `network ${name}: port ${port.name} has MTU ${port.mtu}, which needs ${need} on the way to ${narrow.dst}, and that carries ${narrow.mtu}: expected an underlay MTU of ${need} or a port MTU of ${narrow.mtu - overhead}`
      return [warning('mtu', text)]
    })
  },
]

export function health(source: StateSource): HealthView[] {
  return checks.flatMap((check) => check(source))
}
