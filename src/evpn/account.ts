// What the machine makes of routes and MACs, for whoever asks why: the same decisions once more, in words and without
// consequences.

import type { Esi, Ip, Mac, RouteTarget } from '../net/index.js'
import type { EvpnRoute } from '../wire/index.js'
import type { Moves } from './duplicates.js'
import type { Path, TargetMismatch } from './events.js'
import { IpVrf } from './ip-vrf.js'
import type { MacVrf } from './mac-vrf.js'
import type { RouteTable } from './route-table.js'
import { type Importer, refusalOf } from './routes/index.js'

/** A network or an IP-VRF that imports a route. */
export interface RouteUse {
  readonly kind: 'network' | 'vrf'
  readonly name: string
  readonly vni: number
  /** Why it can not use the route; left out: it does. */
  readonly refusal?: string
}

/** A route of another VTEP, and who takes it. */
export interface RouteAccount {
  readonly nlri: EvpnRoute
  readonly path: Path
  readonly targets: readonly RouteTarget[]
  /** Empty: nobody imports one of its route targets. */
  readonly uses: readonly RouteUse[]
}

/** A MAC/IP route that claims a MAC, or a line of the configuration. */
export interface ClaimAccount {
  readonly vtep: Ip
  readonly sequence: number
  readonly sticky: boolean
  readonly esi: Esi
  readonly ip?: Ip
}

/** Everything that a network knows of a MAC. */
export interface MacAccount {
  /** Port that the configuration binds it to; it waits where it is to come later. */
  readonly binding?: { readonly port: number; readonly waits: boolean }
  /** It is here, bound or learned. */
  readonly local?: { readonly port: number; readonly bound: boolean; readonly sequence: number }
  readonly claims: readonly ClaimAccount[]
  /** The best of the claims. */
  readonly winner?: Ip
  /** It has moved too often, and is left alone. */
  readonly isFrozen: boolean
  /** As duplicate detection counts them. */
  readonly moves?: Moves
  /** We tell the peers of it. */
  readonly isAnnounced: boolean
}

export class Account {
  readonly #routes: RouteTable<Importer>
  readonly #networks: ReadonlyMap<number, MacVrf>

  constructor(routes: RouteTable<Importer>, networks: ReadonlyMap<number, MacVrf>) {
    this.#routes = routes
    this.#networks = networks
  }

  /** Who takes a route of another VTEP, and why not; undefined where there is none of that key. */
  route(key: string): RouteAccount | undefined {
    const route = this.#routes.get(key)
    if (route === undefined) return undefined
    const { nlri, path, targets, importers } = route
    const uses = importers.map((importer): RouteUse => {
      const { name, vni } = importer
      const refusal = refusalOf(importer, nlri, path)
      const kind = importer instanceof IpVrf ? 'vrf' : 'network'
      return { kind, name, vni, ...(refusal === undefined ? {} : { refusal }) }
    })
    return { nlri, path, targets, uses }
  }

  /** What a network knows of a MAC; undefined: nothing. */
  mac(vni: number, mac: Mac): MacAccount | undefined {
    const macs = this.#networks.get(vni)?.macs
    const entry = macs?.get(mac)
    const isFrozen = macs?.isDuplicate(mac) ?? false
    const moves = macs?.movesOf(mac)
    if (entry === undefined && !isFrozen && moves === undefined) return undefined
    const { binding, local, winner, remotes = [], announced } = entry ?? {}
    return {
      ...(binding === undefined ? {} : { binding: { port: binding.port, waits: binding.waits } }),
      ...(local === undefined ? {} : { local }),
      claims: remotes.map(({ vtep, sequence, sticky, esi, ip }) => ({
        vtep,
        sequence,
        sticky,
        esi,
        ...(ip === undefined ? {} : { ip }),
      })),
      ...(winner === undefined ? {} : { winner: winner.vtep }),
      isFrozen,
      ...(moves === undefined ? {} : { moves }),
      isAnnounced: announced !== undefined,
    }
  }

  /** What a network imports; nothing where there is none of that VNI. */
  importTargets(vni: number): readonly string[] {
    return this.#networks.get(vni)?.importTargets ?? []
  }

  exportTargets(vni: number): readonly string[] {
    return this.#networks.get(vni)?.exportTargets ?? []
  }

  /** Routes that nobody imports, of a VNI that a network has: one of each route target. */
  mismatches(): readonly TargetMismatch[] {
    const found: TargetMismatch[] = []
    for (const { nlri, path, targets } of this.#routes.strange()) {
      const label = nlri.type === 'macIp' ? nlri.label : path.attributes.pmsiTunnel?.label
      const vrf = label === undefined ? undefined : this.#networks.get(label)
      if (vrf === undefined) continue
      const { name: network, vni, importTargets } = vrf
      found.push({ network, vni, remote: path.nextHop, targets, importTargets })
    }
    return found
  }
}
