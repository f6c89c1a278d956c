// Ethernet segments: who is active, and what split horizon keeps from the host.

import { isSegment } from '../../../net/index.js'
import { type Link, type Look, ok } from '../link.js'
import { isLocal, portName, type Subject } from '../subject.js'

export const segment: Link = {
  name: 'segment',
  isRare: true,
  look(subject) {
    const { view, account, ports } = subject
    const local = account?.local?.port ?? subject.row?.port ?? undefined
    const port = ports.find(({ id }) => id === local)
    if (port?.segment !== undefined) return ofPort(subject, port.name, port.segment)
    if (isLocal(subject) || view?.esi === undefined || !isSegment(view.esi)) return undefined
    return ofRemote(subject, view.esi)
  },
}

function ofPort(
  subject: Subject,
  name: string,
  {
    blocked,
    designated,
    peers,
  }: { blocked: boolean; designated: boolean; peers: readonly string[] },
): Look {
  const { view } = subject
  const evidence = { ifname: name, esi: view?.esi ?? null, blocked, designated, vteps: peers }
  if (blocked) {
    return {
      status: 'broken',
      code: 'splitHorizon',
      text: `port ${name} leads to an Ethernet segment on which another VTEP (${peers.join(', ') || 'not known'}) is active: nothing passes it here, in either direction (drop segment_blocked)`,
      evidence,
      fix: `vtep segments: make this host the designated forwarder by df.algorithm: preference and a higher df.preference of its segment, or use mode all-active`,
    }
  }
  const text = designated
    ? `${name} leads to a segment, and we are its designated forwarder`
    : `${name} leads to a segment; broadcasts of VTEPs are delivered by ${peers.join(', ') || 'another VTEP'} (split horizon)`
  return ok(text, evidence)
}

function ofRemote(subject: Subject, esi: string): Look {
  const { remotes, network, account } = subject
  const evidence = { esi, vteps: remotes, claims: account?.claims.length ?? 0 }
  if (remotes.length > 0) return ok(`behind segment ${esi}: by ${remotes.join(', ')}`, evidence)
  const local = subject.wantedRow !== undefined && 'port' in subject.wantedRow
  if (local) {
    const name = portName(subject, (subject.wantedRow as { port: number }).port)
    return ok(`behind segment ${esi}, to which our port ${name} leads, too`, {
      ...evidence,
      ifname: name,
    })
  }
  return {
    status: 'broken',
    code: 'segmentDown',
    text: `the host is behind segment ${esi}, and no VTEP announces that it is connected to it in ${network?.name} (type 1 per ES and per EVI)`,
    evidence,
    fix: `vtep segments --esi ${esi}; vtep routes --type 1: bring up a link of the segment, or set multihoming.eadPerEvi: ignore where its VTEPs send no routes per EVI`,
  }
}
