// Whether the far VTEP gives a sign of life: what is announced may be dead.

import { type Link, ok } from '../link.js'

export const alive: Link = {
  name: 'alive',
  of: 'remote',
  async look(subject) {
    const { remotes, probe, routes } = subject
    if (remotes.length === 0 || probe === undefined) return undefined
    const lives = await Promise.all(
      remotes.map(async (vtep) => ({ vtep, ...(await probe.lives(vtep)) })),
    )
    const silent = lives.find(({ sign }) => sign === 'none')
    if (silent === undefined) {
      const { vtep, sign, milliseconds } = lives[0]!
      if (sign === 'unknown')
        return {
          status: 'unknown',
          text: `${vtep} can not be asked: no ICMP socket`,
          evidence: { vtep },
        }
      const took = milliseconds === undefined ? '' : ` in ${milliseconds.toFixed(2)} ms`
      return ok(`${vtep} answers${took} (${sign})`, {
        vtep,
        sign,
        milliseconds: milliseconds ?? null,
      })
    }
    const { vtep } = silent
    const told = routes[0]?.entry.best.peer
    return {
      status: 'broken',
      code: 'vtepSilent',
      text: `VTEP ${vtep} is announced${told === undefined ? '' : ` by ${told}`} and gives no sign of life: neither ICMP echo nor TCP was answered, the host is dead or the way to it broken`,
      evidence: { vtep, peer: told ?? null, asked: ['icmp echo', 'tcp'] },
      fix: `ping ${vtep}; look at that host; if it is gone, its peer should withdraw its routes (BFD, hold time, or: vtep peer clear there)`,
    }
  },
}
