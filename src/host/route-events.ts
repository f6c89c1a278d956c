// Changes of the loc-rib as events: who announced what, and which way was taken before. There may be a million of them, so a
// sentence is only made of those that are kept.

import type { Path, RibChange } from '../bgp/index.js'
import { type EvpnRoute, evpnRouteCode, formatEvpnRoute } from '../wire/index.js'
import type { EventFields, EventLog } from './events.js'

export class RouteTeller {
  readonly #events: EventLog
  readonly #counts = new Map<string, number>()

  constructor(events: EventLog) {
    this.#events = events
  }

  /** Routes that there are, by "family type". */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts
  }

  tell(changes: readonly RibChange[]): void {
    // When there are too many, what is left of these is only counted.
    let isKept = true
    const omitted = { routeReceived: 0, routeChanged: 0, routeWithdrawn: 0 }
    for (const change of changes) {
      const kind = kindOf(change)
      if (kind !== 'routeChanged') this.#count(change, kind === 'routeReceived' ? 1 : -1)
      if (isKept) isKept = this.#events.debug(kind, () => sentences[kind](change))
      else omitted[kind]++
    }
    for (const [kind, count] of Object.entries(omitted)) this.#events.omit(kind, count)
  }

  #count({ family, nlri }: RibChange, more: 1 | -1): void {
    const key = family === 'evpn' ? evpnKeys[(nlri as EvpnRoute).type] : otherKeys[family]
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + more)
  }
}

function kindOf({ before, best }: RibChange): keyof typeof sentences {
  if (best === undefined) return 'routeWithdrawn'
  return before === undefined ? 'routeReceived' : 'routeChanged'
}

/** By the number of the type, as the view `routes` has it. */
const evpnKeys: Readonly<Record<EvpnRoute['type'], string>> = {
  ead: 'evpn 1',
  macIp: 'evpn 2',
  imet: 'evpn 3',
  es: 'evpn 4',
  prefix: 'evpn 5',
  smet: 'evpn 6',
  joinSynch: 'evpn 7',
  leaveSynch: 'evpn 8',
  opaque: 'evpn other',
}

const otherKeys = { ipv4: 'ipv4 unicast', ipv6: 'ipv6 unicast', rtc: 'rtc membership' } as const

type Told = readonly [text: string, fields: EventFields]

const sentences = {
  routeReceived(change: RibChange): Told {
    const best = change.best!
    const name = nameOf(change)
    const text =
      best.peer === ''
        ? `we announce ${name}`
        : `peer ${best.peer} announces ${name} by ${best.nextHop}${sequenceText(best)}`
    return [text, fieldsOf(change, best)]
  },

  routeWithdrawn(change: RibChange): Told {
    const before = change.before!
    const name = nameOf(change)
    const text =
      before.peer === ''
        ? `we withdraw ${name}`
        : `${name} is gone, which peer ${before.peer} announced by ${before.nextHop}`
    return [text, fieldsOf(change, before)]
  },

  routeChanged(change: RibChange): Told {
    const [before, best] = [change.before!, change.best!]
    const was = `${before.nextHop} of ${sourceText(before)}`
    const is = `${best.nextHop} of ${sourceText(best)}`
    // The way is the same when only an attribute has changed, as the sequence number of a MAC.
    const way = was === is ? is : `${is}, before ${was}`
    const text = `best path of ${nameOf(change)}: ${way}${sequenceText(best)}`
    return [text, { ...fieldsOf(change, best), from: before.nextHop, to: best.nextHop }]
  },
}

const sourceText = ({ peer }: Path): string => (peer === '' ? 'our own' : `peer ${peer}`)

function nameOf({ family, key, nlri }: RibChange): string {
  return family === 'evpn' ? formatEvpnRoute(nlri as EvpnRoute) : `${family} ${key}`
}

function sequenceText(path: Path): string {
  const sequence = sequenceOf(path)
  return sequence === undefined ? '' : `, sequence ${sequence}`
}

function sequenceOf({ attributes }: Path): number | undefined {
  for (const community of attributes.extendedCommunities ?? [])
    if (community.type === 'macMobility') return community.sequence
  return undefined
}

/** What is told of an NLRI, by the words of the view `routes`. */
const told = ['rd', 'mac', 'ip', 'prefix', 'esi', 'originator'] as const

/** The label is the VNI for VXLAN. */
function fieldsOf({ family, nlri }: RibChange, path: Path): EventFields {
  const values = nlri as unknown as Readonly<Record<string, string | number | undefined>>
  const fields: Record<string, string | number> = {
    family,
    peer: path.peer === '' ? 'local' : path.peer,
    dst: path.nextHop,
  }
  if (family === 'evpn') fields['type'] = evpnRouteCode(nlri as EvpnRoute)
  const { label } = values
  if (label !== undefined) fields['vni'] = label
  for (const key of told) {
    const value = values[key]
    if (value !== undefined) fields[key] = value
  }
  const sequence = sequenceOf(path)
  if (sequence !== undefined) fields['sequence'] = sequence
  return fields
}
