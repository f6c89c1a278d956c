// Routes of the loc-rib as people and scripts read them: one row per path, NLRI fields by RFC name, attributes as text
// where they have one.

import type { LocRibEntry, Path, RouteNlri } from '../../bgp/index.js'
import { hexFromBytes, hexToBytes } from '../../net/index.js'
import {
  type AsPath,
  communityFromOctets,
  evpnRouteCode,
  formatCommunity,
  formatExtendedCommunity,
  type MembershipNlri,
  type PathAttributes,
} from '../../wire/index.js'
import type { RouteView } from '../views/index.js'

export function routeViews(family: RouteView['family'], entry: LocRibEntry): RouteView[] {
  return entry.paths.map((path) => routeView(family, path, path === entry.best))
}

function routeView(family: RouteView['family'], path: Path, best: boolean): RouteView {
  const { nlri, attributes } = path
  const communities = attributes.extendedCommunities ?? []
  const labels = labelsOf(nlri, attributes)
  return {
    family,
    type: 'type' in nlri ? evpnRouteCode(nlri) : family,
    ...nlriFields(nlri),
    ...(labels.length === 0 ? {} : { label: labels[0]!, labels }),
    nextHop: path.nextHop,
    routeTargets: communities.flatMap((community) =>
      community.type === 'routeTarget' ? [community.target] : [],
    ),
    best,
    peer: path.peer === '' ? 'local' : path.peer,
    attributes: attributeFields(attributes),
  }
}

/** Everything but the labels, which have a column of their own. */
function nlriFields(nlri: RouteNlri): object {
  if ('bits' in nlri) return membershipFields(nlri)
  const {
    type: _,
    label: __,
    label2: ___,
    value,
    ...fields
  } = nlri as RouteNlri & {
    readonly type?: string
    readonly label?: number
    readonly label2?: number
    readonly value?: Uint8Array
  }
  return value === undefined ? fields : { ...fields, value: hexFromBytes(value) }
}

/** "rt:65000:10100" of a whole route target, "0x0002fde8/64" of its beginning. */
function membershipFields({ originAs, target, bits }: MembershipNlri): object {
  if (bits === 0) return { originAs, target: 'every' }
  if (bits < 96) return { originAs, target: `0x${target}/${bits - 32}` }
  return { originAs, target: formatExtendedCommunity(communityFromOctets(hexToBytes(target)!)) }
}

function labelsOf(nlri: RouteNlri, { pmsiTunnel }: PathAttributes): number[] {
  const { label, label2 } = nlri as { readonly label?: number; readonly label2?: number }
  const given = [label, label2].filter((one) => one !== undefined)
  return given.length === 0 && pmsiTunnel !== undefined ? [pmsiTunnel.label] : given
}

/** Attributes that have a text; others are shown as they are. */
const formats: {
  readonly [N in keyof PathAttributes]?: (value: PathAttributes[N] & {}) => unknown
} = {
  asPath: formatAsPath,
  communities: (list) => list.map(formatCommunity),
  extendedCommunities: (list) => list.map(formatExtendedCommunity),
}

function attributeFields(attributes: PathAttributes): Record<string, unknown> {
  const shown: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'asReceived' || value === undefined) continue
    const format = formats[name as keyof PathAttributes] as
      | ((value: unknown) => unknown)
      | undefined
    shown[name] = octetsAsHex(format === undefined ? value : format(value))
  }
  return shown
}

/** "65000 65001 {65002,65003}", as every looking glass writes it; confederations in parentheses. */
function formatAsPath(path: AsPath): string {
  const brackets = {
    sequence: ['', ' ', ''],
    set: ['{', ',', '}'],
    confedSequence: ['(', ' ', ')'],
    confedSet: ['[', ',', ']'],
  } as const
  return path
    .map(({ type, asns }) => {
      const [open, between, close] = brackets[type]
      return open + asns.join(between) + close
    })
    .join(' ')
}

function octetsAsHex(value: unknown): unknown {
  if (value instanceof Uint8Array) return hexFromBytes(value)
  if (Array.isArray(value)) return value.map(octetsAsHex)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, octetsAsHex(member)]),
  )
}
