// The BGP session by which the host is known, or by which others hear of it.

import type { PeerStatus } from '../../../bgp/index.js'
import { counted, type Link, type Look, ok } from '../link.js'
import { isExplained, isLocal, type Subject } from '../subject.js'

export const peer: Link = {
  name: 'peer',
  look(subject) {
    const peers = subject.source.speaker.peers()
    if (subject.kind === 'vtep') return undefined
    const [route] = subject.routes
    const from = peers.find(({ id }) => id === route?.entry.best.peer)
    if (from !== undefined && !isLocal(subject)) return ofRoute(subject, from)
    if (peers.length === 0) return ok('no BGP peer: what is known comes from the configuration')
    return ofAll(subject, peers)
  },
}

/** The peer that has told of it. */
function ofRoute({ source }: Subject, peer: PeerStatus): Look {
  const { id, state, lastError } = peer
  const uptimeSeconds = source.uptimeSeconds(id)
  const evidence = { peer: id, state, uptimeSeconds, error: lastError?.text ?? null }
  if (state === 'Established') return ok(`${id} is Established since ${uptimeSeconds} s`, evidence)
  return {
    status: 'warning',
    code: lastError !== undefined && isOfBfd(lastError) ? 'bfdDown' : 'peerDown',
    text: `${said(peer)}, and told of it: its routes are kept for a while (graceful restart), and may be stale`,
    evidence,
    fix: fixFor(peer),
  }
}

function ofAll(subject: Subject, peers: readonly PeerStatus[]): Look {
  const down = peers.filter(({ state }) => state !== 'Established')
  const evidence = {
    established: peers.length - down.length,
    total: peers.length,
    down: down.map(({ id, state, lastError }) => ({ peer: id, state, error: lastError?.text })),
  }
  const without = peers.filter(
    ({ session }) => session && !session.families.some(({ family }) => family === 'evpn'),
  )
  if (down.length === 0 && without.length === peers.length) {
    return {
      status: 'broken',
      code: 'familyMissing',
      text: `no peer has agreed on family evpn (${without.map(({ id }) => id).join(', ')}): no MAC is told or heard`,
      evidence,
      fix: 'name evpn among the families of the neighbor here, and activate l2vpn evpn for us there',
    }
  }
  if (down.length === 0) return ok(`${counted(peers.length, 'peer')}, all Established`, evidence)
  const text = `${down.length} of ${counted(peers.length, 'peer')} down: ${down.map(said).join('; ')}`
  const local = isLocal(subject)
  // Another peer has the route, or tells of it.
  const isCovered = local ? down.length < peers.length : isExplained(subject)
  if (isCovered) return { status: 'warning', text, evidence, fix: fixFor(down[0]!) }
  const byBfd = down.some(({ lastError }) => lastError !== undefined && isOfBfd(lastError))
  return {
    status: 'broken',
    code: byBfd ? 'bfdDown' : 'peerDown',
    text: local
      ? `nobody hears of it: ${text}`
      : `${subject.address} may be behind a VTEP whose routes are not here: ${text}`,
    evidence,
    fix: fixFor(down[0]!),
  }
}

const isOfBfd = ({ text }: { readonly text: string }): boolean => /bfd/i.test(text)

const said = ({ id, state, lastError }: PeerStatus): string =>
  `${id} is ${state}${lastError === undefined ? '' : ` (${lastError.text})`}`

const fixFor = ({ id, address }: PeerStatus): string =>
  `look at the way to ${id} (ip route get ${address}; ping ${address}) and at its BGP; then: vtep peer clear ${id}`
