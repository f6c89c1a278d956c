// Whether the others hear of a host that is here: what we announce, and to whom.

import { evpnKey, formatEvpnRoute } from '../../../wire/index.js'
import { counted, type Link, ok } from '../link.js'

export const advertised: Link = {
  name: 'advertised',
  of: 'local',
  look(subject) {
    const { source, account, network, mac, own } = subject
    if (network === undefined || mac === undefined) return undefined
    const { speaker } = source
    const { vtep } = source.effective.config
    const evidence = { announced: own.map(({ nlri }) => formatEvpnRoute(nlri as never)) }
    const [first] = own
    if (first === undefined || account?.isAnnounced !== true) {
      return {
        status: 'broken',
        code: 'notAdvertised',
        text: `${mac} is here, and no route of ours announces it`,
        evidence,
        fix: 'vtep events --level warn says what was refused; vtep reload announces everything anew',
      }
    }
    const peers = speaker.peers().filter(({ state }) => state === 'Established')
    const untold = peers.flatMap(({ id }) => {
      const why = speaker.untold(id, 'evpn', evpnKey(first.nlri as never))
      return why === undefined ? [] : [{ peer: id, why }]
    })
    const told = peers.filter(({ id }) => untold.every(({ peer }) => peer !== id))
    const who = { ...evidence, toldTo: told.map(({ id }) => id), untold, nextHop: vtep.address }
    const text = `announced as ${evidence.announced.join(', ')}, next hop ${vtep.address}`
    if (peers.length > 0 && told.length === 0) {
      const { peer, why } = untold[0]!
      return {
        status: 'broken',
        code: 'notAdvertised',
        text: `${text}, and told to nobody: ${peer}: ${why}`,
        evidence: who,
        fix: `bgp.neighbors[${peer}]: filterOut, families, routeTargetConstraint; routeTargets.export of network ${network.name}`,
      }
    }
    if (untold.length > 0) {
      const { peer, why } = untold[0]!
      return { status: 'warning', text: `${text}; not told to ${peer}: ${why}`, evidence: who }
    }
    return ok(
      peers.length === 0
        ? `${text}; nobody to tell`
        : `${text}; told to ${counted(told.length, 'peer')}: ${told.map(({ id }) => id).join(', ')}`,
      who,
    )
  },
}
