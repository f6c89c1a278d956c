// BFD beside the session that the route came by.

import { type Link, type Look, ok } from '../link.js'
import { isLocal, type Subject } from '../subject.js'

/** So often in so many seconds is no single event. */
const FLAPS = 2
const FLAP_SECONDS = 600

export const bfd: Link = {
  name: 'bfd',
  isRare: true,
  look(subject) {
    const { source, routes } = subject
    const told = isLocal(subject) ? undefined : routes[0]?.entry.best.peer
    const peers = told === undefined ? source.speaker.peers().map(({ id }) => id) : [told]
    const looks = peers.map((id) => ofPeer(subject, id)).filter((look) => look !== undefined)
    return looks.find(({ status }) => status === 'warning') ?? looks[0]
  },
}

function ofPeer({ source, now }: Subject, id: string): Look | undefined {
  const record = source.bfdRecord(id)
  if (record === undefined) return undefined
  const { state, downs, reason } = record
  const recent = downs.filter((time) => now - time < FLAP_SECONDS * 1000)
  const last = recent.at(-1)
  const evidence = {
    peer: id,
    state,
    downs: recent.length,
    withinSeconds: FLAP_SECONDS,
    ...(last === undefined ? {} : { lastDown: new Date(last).toISOString(), reason }),
  }
  if (recent.length >= FLAPS) {
    return {
      status: 'warning',
      code: 'bfdFlapping',
      text: `BFD with ${id} went down ${recent.length} times in the last ${FLAP_SECONDS / 60} minutes (${reason}), and is ${state} now: each time its routes go and come`,
      evidence,
      fix: `look for loss on the way to ${id} (ping -f, ip -s link), or give BFD more time: neighbors[${id}].bfd.multiplier`,
    }
  }
  if (state === 'up') return ok(`BFD with ${id} is up`, evidence)
  return { status: 'warning', text: `BFD with ${id} is ${state}`, evidence }
}
