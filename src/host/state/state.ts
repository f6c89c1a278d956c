// What is: the machines and tables as the views that views/schemas.ts describes. Nothing here changes anything.

import type { PeerStatus, SessionFamily } from '../../bgp/index.js'
import { dropReasons, PortFlag } from '../../fib/tables.gen.js'
import { health } from '../checks/index.js'
import type { Schema } from '../config/index.js'
import { Config } from '../config/schema.js'
import { withoutSecrets } from '../config/secrets.js'
import { neighborId } from '../effective.js'
import type {
  ConfigView,
  DropView,
  GroupView,
  MacView,
  NetworkView,
  PeerView,
  PortView,
  PrefixView,
  RouteView,
  SegmentView,
  StateReader,
  StatusView,
  VrfView,
  VtepView,
} from '../views/index.js'
import { portOffloads, underlayOffloads } from './offloads.js'
import { routeViews } from './routes.js'
import { segmentView } from './segments.js'
import type { StateSource } from './source.js'

/** Routes about routes last. */
const shownFamilies: readonly SessionFamily[] = ['evpn', 'ipv4', 'ipv6', 'rtc']

export class State implements StateReader {
  readonly #source: StateSource

  constructor(source: StateSource) {
    this.#source = source
  }

  status(): StatusView {
    const { version, effective, routerId, uplink, speaker, evpn } = this.#source
    const { underlayStates, interfaceName } = this.#source
    const peers = speaker.peers()
    const networks = evpn.networks()
    const sum = (kind: 'local' | 'remote'): number =>
      networks.reduce((total, { macs }) => total + macs[kind], 0)
    return {
      version,
      asn: effective.config.asn,
      routerId,
      vtep: effective.config.vtep.address,
      uplink: uplink?.kind ?? '',
      fastPath: uplink === undefined ? '' : uplink.fastPathRefusal || 'on',
      underlays: underlayStates().map(({ ifindex, flags }) => ({
        ifname: interfaceName(ifindex),
        offloads: underlayOffloads(flags),
      })),
      peers: {
        established: peers.filter(({ state }) => state === 'Established').length,
        total: peers.length,
      },
      networks: effective.config.networks.length,
      macs: { local: sum('local'), remote: sum('remote') },
      audit: this.#source.audit,
      health: health(this.#source),
    }
  }

  config(): ConfigView {
    return withoutSecrets(Config as Schema, this.#source.effective.config)
  }

  peers(): PeerView[] {
    const { speaker, effective } = this.#source
    const configured = new Map(
      effective.config.bgp.neighbors.map((neighbor) => [neighborId(neighbor), neighbor.families]),
    )
    return speaker.peers().map((peer) => this.#peer(peer, configured.get(peer.id) ?? []))
  }

  #peer(peer: PeerStatus, configured: readonly string[]): PeerView {
    const families = peer.session?.families ?? []
    // Memberships are routes about routes, and would only hide whether there are any.
    const counted = families.filter(({ family }) => family !== 'rtc')
    const own = this.#source.effective.config.asn
    const asn = peer.asn === 'internal' ? own : peer.asn === 'external' ? 0 : peer.asn
    return {
      peer: peer.id,
      asn,
      state: peer.state,
      uptimeSeconds: this.#source.uptimeSeconds(peer.id),
      families: peer.session === undefined ? [...configured] : families.map(({ family }) => family),
      received: counted.reduce((total, { received }) => total + received, 0),
      sent: counted.reduce((total, { sent }) => total + sent, 0),
      bfd: this.#source.bfdState(peer.id) ?? '',
    }
  }

  networks(): NetworkView[] {
    const { effective, evpn } = this.#source
    const live = new Map(evpn.networks().map((network) => [network.vni, network]))
    return effective.config.networks.map((network) => {
      const { name, vni, ports, suppress, agingSeconds, stormControl } = network
      const { assistedReplication: replication } = network
      const is = live.get(vni)
      return {
        name,
        vni,
        rd: is?.rd ?? '',
        routeTargets: {
          import: [...(is?.importTargets ?? [])],
          export: [...(is?.exportTargets ?? [])],
        },
        ports: ports.map((port) => port.name),
        vteps: [...(is?.remotes ?? [])],
        macs: is?.macs ?? { local: 0, remote: 0 },
        suppress,
        suppressUnknown: network.suppressUnknown,
        agingSeconds,
        ethernetTag: network.ethernetTag ?? null,
        multicast: network.multicast,
        vrf: network.vrf ?? null,
        gateway: network.gateway,
        routerAdvertisements: network.routerAdvertisements !== undefined,
        stormControl,
        assistedReplication:
          replication === undefined
            ? null
            : { role: replication.role, replicator: is?.replicator ?? null },
        prunedFloodLists: network.prunedFloodLists,
        source: effective.added.networks.has(name) ? 'added' : 'config',
      }
    })
  }

  vrfs(): VrfView[] {
    const { effective, evpn } = this.#source
    return evpn.vrfs().map(({ importTargets, exportTargets, ...vrf }) => ({
      ...vrf,
      routeTargets: { import: [...importTargets], export: [...exportTargets] },
      networks: effective.config.networks
        .filter((network) => network.vrf === vrf.name)
        .map(({ name }) => name),
      source: effective.added.vrfs.has(vrf.name) ? ('added' as const) : ('config' as const),
    }))
  }

  prefixes(): PrefixView[] {
    const { effective, evpn } = this.#source
    const names = new Map(effective.config.networks.map(({ vni, name }) => [vni, name]))
    return Array.from(evpn.prefixes(), (route) => {
      const none = { network: null, via: null, dst: null, vni: null, mac: null }
      const row = { vrf: route.vrfName, prefix: route.prefix, kind: route.kind, ...none }
      switch (route.kind) {
        case 'remote':
          return { ...row, dst: route.via, vni: route.vni, mac: route.mac }
        case 'connected':
          return { ...row, network: names.get(route.vni) ?? null }
        case 'gateway':
          return { ...row, network: names.get(route.vni) ?? null, via: route.via }
        default:
          return row
      }
    })
  }

  vteps(): VtepView[] {
    const { evpn, remoteStates, interfaceName } = this.#source
    const rows = new Map(remoteStates().map((remote) => [remote.address, remote]))
    return evpn.vteps().map(({ address, vnis, macs }) => {
      const row = rows.get(address)
      const resolved = row?.resolved === true
      return {
        dst: address,
        vnis: [...vnis],
        macs,
        resolved,
        via: resolved ? row.nextHop : '',
        lladdr: resolved ? row.nextHopMac : '',
        ifname: resolved ? interfaceName(row.ifindex) : '',
        mtu: row?.mtu ?? 0,
      }
    })
  }

  macs(): MacView[] {
    const { evpn } = this.#source
    const names = this.#portNames()
    return Array.from(
      evpn.macs(),
      ({ network, vni, mac, ips, kind, port, dst, sequence, sticky, duplicate, esi }) => ({
        network,
        vni,
        mac,
        ips: [...ips],
        kind,
        ifname: names.get(port) ?? null,
        dst: kind === 'remote' ? (dst ?? null) : null,
        sequence,
        sticky,
        duplicate,
        esi: esi ?? null,
      }),
    )
  }

  segments(): SegmentView[] {
    const { evpn, effective } = this.#source
    const names = this.#portNames()
    return evpn.segments().map((each) => segmentView(each, effective.config.vtep.address, names))
  }

  groups(): GroupView[] {
    const names = this.#portNames()
    return Array.from(
      this.#source.evpn.groups(),
      ({ network, vni, group, source, ports, remotes }) => ({
        network,
        vni,
        group: group ?? '*',
        source: source ?? '*',
        ports: ports.map((port) => names.get(port) ?? String(port)),
        vteps: [...remotes],
      }),
    )
  }

  #portNames(): ReadonlyMap<number | undefined, string> {
    const names = new Map<number | undefined, string>()
    for (const { id, port } of this.#source.ports.values())
      if (id !== undefined) names.set(id, port.name)
    return names
  }

  routes(): RouteView[] {
    const rows: RouteView[] = []
    for (const family of shownFamilies) {
      for (const entry of this.#source.speaker.locRib(family))
        rows.push(...routeViews(family, entry))
    }
    return rows
  }

  ports(): PortView[] {
    const { ports, effective, portStates, counters } = this.#source
    const rows = new Map(portStates().map((port) => [port.id, port]))
    const counts = new Map(counters()?.ports.map((port) => [port.port, port]))
    const held = effective.config.networks
      .flatMap((network) => network.ports.map(({ name }) => ports.get(name)))
      .filter((one) => one !== undefined)
    return held.map(({ port, id, reason }) => {
      const row = id === undefined ? undefined : rows.get(id)
      const count = id === undefined ? undefined : counts.get(id)
      return {
        ifname: port.name,
        kind: port.kind,
        network: port.network,
        vni: port.vni,
        state: row === undefined ? 'missing' : row.up ? 'up' : 'down',
        text: reason === '' && row !== undefined ? howItWorks(row.flags) : reason,
        ifindex: row?.ifindex ?? 0,
        mac: row === undefined || row.mac === '00:00:00:00:00:00' ? '' : row.mac,
        mtu: row?.mtu ?? 0,
        path: ((row?.flags ?? 0) & PortFlag.fastPath) !== 0 ? 'kernel' : 'workers',
        offloads: portOffloads(row?.flags ?? 0),
        rxFrames: count?.rxFrames ?? 0,
        rxBytes: count?.rxBytes ?? 0,
        txFrames: count?.txFrames ?? 0,
        txBytes: count?.txBytes ?? 0,
        rxDropped: count?.rxDropped ?? 0,
        txDropped: count?.txDropped ?? 0,
        suppressed: count?.suppressed ?? 0,
        flooded: count?.flooded ?? 0,
        source: effective.added.ports.has(port.name) ? 'added' : 'config',
      }
    })
  }

  drops(): DropView[] {
    const drops = this.#source.counters()?.drops ?? {}
    return dropReasons
      .filter(({ name }) => name !== 'none')
      .map(({ name, text }) => ({ reason: name, text, count: drops[name] ?? 0 }))
  }
}

function howItWorks(flags: number): string {
  if ((flags & (PortFlag.xdpNative | PortFlag.xdpGeneric)) === 0) return ''
  const mode = (flags & PortFlag.xdpNative) !== 0 ? 'native XDP' : 'generic XDP'
  return `${mode}, ${(flags & PortFlag.xdpZeroCopy) !== 0 ? 'zero copy' : 'copied'}`
}
