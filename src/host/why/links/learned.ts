// Whether the host is here: bound by the configuration, or learned from a frame.

import { type Link, type Look, ok } from '../link.js'
import { isExplained, portName, type Subject } from '../subject.js'

export const learned: Link = {
  name: 'learned',
  look(subject) {
    const { account, view, network, mac, address } = subject
    if (network === undefined || subject.kind === 'vtep' || subject.kind === 'prefix')
      return undefined
    const local = account?.local
    if (local !== undefined) {
      const name = portName(subject, local.port)
      const how = local.bound ? 'bound to' : 'learned on'
      const text = `${mac ?? address} is ${how} ${name}, sequence ${local.sequence}`
      return ok(text, { ifname: name, bound: local.bound, sequence: local.sequence })
    }
    if (view?.kind === 'remote') {
      const text = `not behind a port here: behind VTEP ${view.dst}, sequence ${view.sequence}`
      return ok(text, { dst: view.dst, sequence: view.sequence, claims: account?.claims.length })
    }
    const binding = account?.binding
    if (binding !== undefined) {
      const name = portName(subject, binding.port)
      return {
        status: 'broken',
        code: 'notLearned',
        text: `${mac} is bound to ${name}, and has not come there yet`,
        evidence: { ifname: name, waits: binding.waits },
        fix: `send a frame from behind ${name}, or say that it is there: vtep port move ${name} --mac ${mac}`,
      }
    }
    return unseen(subject)
  },
}

/** No frame of it came from a port. */
function unseen(subject: Subject): Look {
  const { network, address } = subject
  const silent = silentPorts(subject)
  const evidence = { silentPorts: silent }
  if (isExplained(subject)) return ok(`no frame of ${address} came from a port here`, evidence)
  if (silent.length === 0) return ok(`no frame of ${address} came from a port here`, evidence)
  // Who has a peer to ask asks that first: a host that is far away is silent here, too.
  const peers = subject.source.speaker.peers()
  if (peers.some(({ state }) => state !== 'Established')) {
    const text = `no frame of ${address} came from a port here; nothing at all came from ${silent.join(', ')}`
    return { status: 'unknown', text, evidence }
  }
  return {
    status: 'broken',
    code: 'notLearned',
    text: `nobody announces ${address}, and no frame of it came from a port of ${network!.name}; nothing at all came from ${silent.join(', ')}`,
    evidence,
    fix: `let the host send something (an ARP request is enough), or say who is there: vtep host add ${silent[0]} MAC`,
  }
}

/** Ports that are up, and nobody is known behind them. */
function silentPorts({ ports, vni, source }: Subject): string[] {
  const here = ports.filter((one) => one.vni === vni && one.up)
  if (here.length === 0 || vni === undefined) return []
  const speaking = new Set<number>()
  for (const mac of source.evpn.macsOf(vni)) {
    const id = source.evpn.portOf(vni, mac)
    if (id !== undefined) speaking.add(id)
  }
  return here.filter(({ id }) => !speaking.has(id)).map(({ name }) => name)
}
