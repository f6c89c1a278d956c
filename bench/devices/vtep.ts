// We, on every pair of port and uplink kind, remotes from the configuration.

import { startVtep } from '../../test/lab/index.js'
import { type Device, extraPorts, macOf, tenantMtu, tenantOf, vni } from './device.js'
import { vmTenant } from './vm.js'

interface Pair {
  /** Kind of the tenants' ports: tap makes an interface that moves to the tenant, others take the host's end of a veth. */
  readonly port: string
  /** The tap stays at the host, in a Linux bridge with the host's end of the tenant's veth, as trunk interfaces do. */
  readonly bridged?: true
  /** Tenants are virtual machines: their taps are the ports, or are in that bridge. */
  readonly vm?: true
  readonly uplink: string
  /** Further keys of the configuration, and how the row is named then. */
  readonly leaves?: readonly string[]
  readonly but?: { readonly name: string; readonly config: Readonly<Record<string, unknown>> }
}

export const vtep = ({ port, bridged, vm, uplink, leaves = [], but }: Pair): Device => ({
  name:
    `vtep ${port}${bridged ? '+bridge' : ''}/${uplink}${vm ? ', VM' : ''}` +
    (but === undefined ? '' : `, ${but.name}`),
  summary:
    `ours: port ${port}${bridged ? ' in a Linux bridge of the host' : ''}, uplink ${uplink}` +
    (vm ? ', tenants on taps as virtual machines have them' : '') +
    (but === undefined ? '' : `, ${but.name}`),
  kind: 'ours',
  programs: [],
  tunnel: true,
  worksApart: true,
  leaves,
  async attach({ host, far, n, extra }) {
    const tenants = [{ name: 'port0', n }, ...extraPorts(extra)]
    const attached = port === 'tap' ? [] : await Promise.all(tenants.map(existing))
    await startVtep(host, {
      asn: 65000,
      vtep: { address: host.vtep4, uplink },
      networks: [
        {
          name: 'bench',
          vni,
          ports: tenants.map(({ name }) => ({ name, kind: port })),
          remotes: [{ address: far.vtep4, macs: [macOf(3 - n)] }],
        },
      ],
      ...but?.config,
      // A hundred thousand MACs speak behind one port (probes/macs.ts).
      dataplane: { learnLimit: 0, ...(but?.config['dataplane'] as object | undefined) },
    })
    for (const one of port === 'tap' ? tenants : []) {
      attached.push(await (bridged ? behindBridge(one) : moved(one)))
    }
    return attached[0]!

    function moved(one: { name: string; n: number }) {
      return host.tapTenant(`vm-${one.name}`, one.name, tenantOf(one.n))
    }

    async function behindBridge(one: { name: string; n: number }) {
      const bridge = `br-${one.name}`
      await host.ip(
        `link add ${bridge} mtu ${tenantMtu} type bridge`,
        `link set ${bridge} addrgenmode none`,
        `link set ${one.name} mtu ${tenantMtu} addrgenmode none master ${bridge}`,
        `link set ${bridge} up`,
      )
      const options = { ...tenantOf(one.n), bridge }
      return await (vm
        ? vmTenant(host, `nic-${one.name}`, options)
        : host.tenant(`vm-${one.name}`, options))
    }

    function existing(one: { name: string; n: number }) {
      return vm ? vmTenant(host, one.name, tenantOf(one.n)) : host.tenant(one.name, tenantOf(one.n))
    }
  },
})
