// What the operator lets in or out: rules in order, the first that fits decides, and what none fits is let through.

import { ipFamily, type Prefix, prefixContains, splitPrefix } from '../net/index.js'
import { iana } from '../wire/index.js'
import type { AttributeSet } from './attribute-set.js'
import type { RouteNlri } from './events.js'
import type { FilterRule } from './settings.js'

export class Filter {
  readonly rules: readonly FilterRule[]

  constructor(rules: readonly FilterRule[]) {
    this.rules = rules
  }

  /** Number of the rule that refuses the route, counted from 1; undefined when it is let through. */
  refuses(nlri: RouteNlri, set: AttributeSet): number | undefined {
    const index = this.rules.findIndex((rule) => fits(rule, nlri, set))
    return index < 0 || this.rules[index]!.accept ? undefined : index + 1
  }
}

/** A rule fits when all that it says fits; one that says nothing fits every route. */
function fits(rule: FilterRule, nlri: RouteNlri, set: AttributeSet): boolean {
  const { routeTargets, prefixes, pmsiTunnels } = rule
  const { pmsiTunnel } = set.attributes
  return (
    (routeTargets === undefined || hasOneOf(routeTargets, set)) &&
    (prefixes === undefined || isWithin(prefixes, nlri)) &&
    (pmsiTunnels === undefined ||
      pmsiTunnels.some((name) => iana.pmsiTunnelType[name] === pmsiTunnel?.tunnelType))
  )
}

function hasOneOf(targets: readonly string[], { attributes }: AttributeSet): boolean {
  return (attributes.extendedCommunities ?? []).some(
    (community) => community.type === 'routeTarget' && targets.includes(community.target),
  )
}

/** Unicast and type 5 have a prefix; a type 2 with an address is a host of one. */
function isWithin(prefixes: readonly Prefix[], nlri: RouteNlri): boolean {
  const own = prefixOf(nlri)
  if (own === undefined) return false
  const { address, length } = splitPrefix(own)
  return prefixes.some(
    (prefix) => length >= splitPrefix(prefix).length && prefixContains(prefix, address),
  )
}

function prefixOf(nlri: RouteNlri): Prefix | undefined {
  if ('prefix' in nlri) return nlri.prefix
  if (!('type' in nlri) || nlri.type !== 'macIp' || nlri.ip === undefined) return undefined
  return `${nlri.ip}/${ipFamily(nlri.ip) === 4 ? 32 : 128}`
}
