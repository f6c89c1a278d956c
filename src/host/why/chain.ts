// The links in the order of the chain, and the verdict: the first that is broken. What comes behind it is not looked at, as it
// would only tell of the same.

import type { WhyAnswer, WhyLink } from '../views/index.js'
import type { Link, Look } from './link.js'
import { advertised } from './links/advertised.js'
import { alive } from './links/alive.js'
import { bfd } from './links/bfd.js'
import { duplicate } from './links/duplicate.js'
import { learned } from './links/learned.js'
import { mtu } from './links/mtu.js'
import { network } from './links/network.js'
import { nextHop } from './links/next-hop.js'
import { peer } from './links/peer.js'
import { policy } from './links/policy.js'
import { port } from './links/port.js'
import { route } from './links/route.js'
import { row } from './links/row.js'
import { segment } from './links/segment.js'
import { targets } from './links/targets.js'
import { vni } from './links/vni.js'
import { vtep } from './links/vtep.js'
import { isLocal, type Subject } from './subject.js'

/** Adding a link is its file and its place here. */
export const links: readonly Link[] = [
  network,
  port,
  learned,
  duplicate,
  policy,
  peer,
  bfd,
  route,
  targets,
  vni,
  row,
  vtep,
  segment,
  nextHop,
  alive,
  mtu,
  advertised,
]

/** One answer: the whole chain, with what was seen at each link. */
export async function explainSubject(subject: Subject): Promise<WhyAnswer> {
  const chain: WhyLink[] = []
  let broken: Extract<Look, { status: 'broken' }> | undefined
  /** The first warning that has a name. */
  let doubt: Look | undefined
  const side = isLocal(subject) ? 'local' : 'remote'
  for (const { name, look, of = side, isRare } of links) {
    if (of !== side) continue
    if (broken !== undefined) {
      if (isRare === true) continue
      chain.push({ link: name, status: 'skipped', text: 'not looked at', evidence: {}, fix: null })
      continue
    }
    const seen = await look(subject)
    if (seen === undefined) continue
    if (seen.status === 'broken') broken = seen
    else if (seen.status === 'warning' && seen.code !== undefined) doubt ??= seen
    chain.push(linkView(name, seen))
  }
  const { network: of, vni: number, vrf, mac, ips, kind } = subject
  return {
    network: of?.name ?? vrf ?? null,
    vni: number ?? null,
    mac: kind === 'host' ? (mac ?? null) : null,
    ips: [...ips],
    verdict: verdictOf(subject, broken, doubt, chain),
    chain,
  }
}

function linkView(link: string, seen: Look): WhyLink {
  const { status, text, evidence = {} } = seen
  return { link, status, text, evidence, fix: 'fix' in seen ? (seen.fix ?? null) : null }
}

function verdictOf(
  subject: Subject,
  broken: Extract<Look, { status: 'broken' }> | undefined,
  doubt: Look | undefined,
  chain: readonly WhyLink[],
): WhyAnswer['verdict'] {
  if (broken !== undefined) {
    const { code, text, fix } = broken
    return { code, severity: 'error', text, fix }
  }
  const text = reached(subject)
  if (doubt?.status === 'warning') {
    const { code, text: why, fix = null } = doubt
    return { code: code!, severity: 'warning', text: `${text}, but ${why}`, fix }
  }
  const warning = chain.find(({ status }) => status === 'warning')
  if (warning === undefined) return { code: codeOf(subject), severity: 'ok', text, fix: null }
  const but = `${text}, but ${warning.text}`
  return { code: codeOf(subject), severity: 'warning', text: but, fix: warning.fix }
}

const codeOf = (subject: Subject): string => (isLocal(subject) ? 'local' : 'reachable')

function reached(subject: Subject): string {
  const { kind, address, mac, network: of, remotes, account, ports, vrf } = subject
  if (kind === 'vtep') return `VTEP ${address} can be reached`
  if (kind === 'prefix') return `${address} is routed in VRF ${vrf} to VTEP ${remotes.join(', ')}`
  const name = mac === undefined || mac === address ? address : `${address} (${mac})`
  const port = ports.find(({ id }) => id === account?.local?.port)
  if (isLocal(subject)) return `${name} is here, behind port ${port?.name ?? '?'} of ${of?.name}`
  return `${name} of ${of?.name} is reached by VTEP ${remotes.join(', ') || '?'}`
}
