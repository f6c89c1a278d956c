// What the fabric says fits what we want of it.

import { profileFor } from '../../evpn/index.js'
import type { EvpnRoute, PathAttributes } from '../../wire/index.js'
import type { StateSource } from '../state/source.js'
import { type Check, counted, error, type Finding, found, warning } from './check.js'

export const evpnChecks: readonly Check[] = [
  {
    code: 'routeTargetMismatch',
    title: 'Route targets of the fabric meet ours',
    group: 'evpn',
    look({ evpn, effective }) {
      const { asn, routeTargetAsn = asn } = effective.config
      const findings = evpn.mismatches().map(({ network, vni, remote, targets, importTargets }) => {
        const profile = targets
          .map((target) => profileFor(routeTargetAsn, vni, target))
          .find((name) => name !== undefined)
        const fix =
          profile === undefined
            ? `add one of them to its routeTargets.import`
            : `profile ${profile} would import it`
        const evidence = `VTEP ${remote} announces VNI ${vni} under ${targets.join(', ') || 'no route target'}, network ${network} imports ${importTargets.join(', ')}`
        return warning(evidence, fix, remote)
      })
      return found(findings, 'every VNI that others announce and we have is imported')
    },
  },
  {
    code: 'vniMismatch',
    title: 'VNIs of the fabric are ours',
    group: 'evpn',
    async ask({ source }) {
      const findings: Finding[] = []
      const seen = new Set<string>()
      for (const { key, nlri, best } of source.speaker.locRib('evpn')) {
        const { type } = nlri as EvpnRoute
        if (type !== 'imet' && type !== 'macIp') continue
        for (const { name, vni, refusal, kind } of source.evpn.account.route(key)?.uses ?? []) {
          const label = labelOf(nlri as EvpnRoute, best.attributes)
          const isOther = kind === 'network' && refusal !== undefined && label !== vni
          // Networks of ours may share a route target.
          if (!isOther || source.evpn.image.networks.has(label)) continue
          const said = `${name} ${best.nextHop} ${label}`
          if (seen.has(said)) continue
          seen.add(said)
          findings.push(
            warning(
              `VTEP ${best.nextHop} announces VNI ${label} under a route target of network ${name}, which has VNI ${vni}`,
              `give both ends one VNI: ${vni} at ${best.nextHop}, or vni: ${label} here`,
              best.nextHop,
            ),
          )
        }
      }
      return found(findings, 'what is imported has the VNI of its network')
    },
  },
  {
    code: 'duplicateMac',
    title: 'No MAC moves too often',
    group: 'evpn',
    look: (source) => duplicates(source, 'mac'),
  },
  {
    code: 'duplicateIp',
    title: 'No address moves too often',
    group: 'evpn',
    look: (source) => duplicates(source, 'ip'),
  },
  {
    code: 'duplicateRouterMac',
    title: 'Every VTEP has a router MAC of its own',
    group: 'evpn',
    async ask({ source }) {
      const vteps = new Map<string, Set<string>>()
      for (const { routerMac } of source.evpn.vrfs())
        vteps.set(routerMac, new Set([source.effective.config.vtep.address]))
      for (const { best } of source.speaker.locRib('evpn')) {
        const mac = routerMacOf(best.attributes)
        if (mac === undefined) continue
        const known = vteps.get(mac)
        if (known === undefined) vteps.set(mac, new Set([best.nextHop]))
        else known.add(best.nextHop)
      }
      const findings = [...vteps]
        .filter(([, all]) => all.size > 1)
        .map(([mac, all]) =>
          error(
            `router MAC ${mac} is that of VTEPs ${[...all].join(' and ')}: what is routed to one is taken by the other`,
            'set vtep.routerMac, or the router MAC of the switch, to one of its own (an anycast pair shares its VTEP address, too)',
            [...all].at(-1),
          ),
        )
      return found(
        findings,
        vteps.size === 0 ? 'nothing is routed' : counted(vteps.size, 'router MAC'),
      )
    },
  },
]

function labelOf(nlri: EvpnRoute, { pmsiTunnel }: PathAttributes): number {
  return nlri.type === 'macIp' ? nlri.label : (pmsiTunnel?.label ?? 0)
}

function routerMacOf({ extendedCommunities = [] }: PathAttributes): string | undefined {
  for (const community of extendedCommunities)
    if (community.type === 'routerMac') return community.mac
  return undefined
}

function duplicates({ evpn }: StateSource, wanted: 'mac' | 'ip') {
  const findings = evpn
    .duplicates()
    .filter(({ kind }) => kind === wanted)
    .map(({ network, address, vni }) => {
      const moves = wanted === 'mac' ? evpn.account.mac(vni, address)?.moves : undefined
      const between = moves === undefined ? '' : ` (last from ${moves.from} to ${moves.to})`
      const what = `moves too often${between} and is left alone for now: two hosts use it, or the network has a loop`
      const evidence = `${address} of network ${network} ${what}`
      return warning(evidence, `\`vtep duplicate clear ${address}\` ends it`, address)
    })
  return found(findings, 'none is left alone')
}
