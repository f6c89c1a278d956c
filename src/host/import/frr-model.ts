// What an frr.conf says, in the words of our own configuration where it has them.

import type { Statement } from './frr-lines.js'
import type { ImportNote, NoteKind } from './notes.js'

/** The VRF that everything is in that names none. */
export const DEFAULT_VRF = 'default'

export type Family = 'evpn' | 'ipv4' | 'ipv6'

/** Keys of a neighbour of the configuration, as far as they are known. */
export interface NeighborDraft {
  asn?: number | 'internal' | 'external'
  port?: number
  passive?: boolean
  holdTimeSeconds?: number
  /** An address, or the interface that has it. */
  updateSource?: string
  password?: string
  bfd?: BfdDraft | { readonly profile: string }
  multihop?: number
  ttlSecurity?: number
  nextHopSelf?: boolean
  allowAsIn?: number
  asOverride?: boolean
  siteOfOrigin?: string
  role?: string
  strictRole?: boolean
  routeReflectorClient?: boolean
  addPathSend?: boolean
  description?: string
  shutdown?: Statement
  maximumRoutes?: Partial<Record<Family, object>>
}

export interface BfdDraft {
  transmitMilliseconds?: number
  receiveMilliseconds?: number
  multiplier?: number
}

export interface FrrPeer {
  readonly name: string
  readonly statement: Statement
  isGroup: boolean
  isInterface: boolean
  group?: string
  readonly draft: NeighborDraft
  readonly families: Map<Family, boolean>
  /** Policies that it is under: the route-map, and the line that says so. */
  readonly policies: { readonly map: string; readonly statement: Statement }[]
}

export interface TargetsDraft {
  rd?: string
  readonly imports: string[]
  readonly exports: string[]
}

export interface FrrVrf extends TargetsDraft {
  readonly name: string
  l3Vni?: number
  readonly routes: {
    readonly prefix: string
    readonly via?: string
    readonly statement: Statement
  }[]
  redistributesStatic: boolean
}

export interface SegmentDraft {
  id?: number
  esi?: string
  systemMac?: string
  preference?: number
  readonly statement: Statement
}

export class FrrModel {
  readonly file: string
  readonly notes: ImportNote[] = []
  asn: number | undefined
  routerId: string | undefined
  clusterId: string | undefined
  holdTimeSeconds: number | undefined
  gracefulRestart: { enabled?: boolean; restartSeconds?: number; staleSeconds?: number } = {}
  duplicateDetection: { moves?: number; seconds?: number } = {}
  activatesIpv4 = true
  advertisesAll = false
  profile: string | undefined
  readonly peers = new Map<string, FrrPeer>()
  readonly ranges: {
    readonly prefix: string
    readonly group: string
    readonly statement: Statement
  }[] = []
  /** Prefixes of the underlay that are announced. */
  readonly prefixes: { readonly prefix: string; readonly statement: Statement }[] = []
  readonly redistributions: Statement[] = []
  /** The default VRF goes into EVPN. */
  readonly advertisements: Statement[] = []
  readonly vnis = new Map<number, TargetsDraft>()
  readonly vrfs = new Map<string, FrrVrf>()
  readonly bfdProfiles = new Map<string, BfdDraft>()
  /** Whether a route-map lets everything pass, as it is. */
  readonly routeMaps = new Map<string, { acceptsAll: boolean; readonly statements: Statement[] }>()
  readonly segments = new Map<string, SegmentDraft>()

  constructor(file: string) {
    this.file = file
  }

  note(kind: NoteKind, { line, text }: Statement, why: string): void {
    this.notes.push({ kind, where: `${this.file}:${line}`, what: text, why })
  }

  peer(name: string, statement: Statement): FrrPeer {
    let peer = this.peers.get(name)
    if (peer === undefined) {
      peer = {
        name,
        statement,
        isGroup: false,
        isInterface: false,
        draft: {},
        families: new Map(),
        policies: [],
      }
      this.peers.set(name, peer)
    }
    return peer
  }

  vni(vni: number): TargetsDraft {
    return entry(this.vnis, vni, () => ({ imports: [], exports: [] }))
  }

  vrf(name: string): FrrVrf {
    return entry(this.vrfs, name, () => ({
      name,
      imports: [],
      exports: [],
      routes: [],
      redistributesStatic: false,
    }))
  }

  bfdProfile(name: string): BfdDraft {
    return entry(this.bfdProfiles, name, () => ({}))
  }

  segment(ifname: string, statement: Statement): SegmentDraft {
    return entry(this.segments, ifname, () => ({ statement }))
  }

  routeMap(name: string) {
    return entry(this.routeMaps, name, () => ({ acceptsAll: true, statements: [] }))
  }
}

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key)
  if (value === undefined) {
    value = make()
    map.set(key, value)
  }
  return value
}
