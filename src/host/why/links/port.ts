// The port: the one that the host is behind, or those whose tenants would send to it.

import { counted, type Link, type Look, ok } from '../link.js'
import { isLocal, portName, type Subject } from '../subject.js'

export const port: Link = {
  name: 'port',
  look(subject) {
    if (subject.network === undefined) return undefined
    return isLocal(subject) ? ofHost(subject) : ofNetwork(subject)
  },
}

function ofHost(subject: Subject): Look | undefined {
  const { account, source, ports } = subject
  const id = account?.local?.port ?? account?.binding?.port
  if (id === undefined) return undefined
  const name = portName(subject, id)
  const row = ports.find((one) => one.id === id)
  const held = source.ports.get(name)
  if (row === undefined) return missing(name, held?.reason ?? '')
  const evidence = { ifname: name, kind: row.kind, mtu: row.mtu, up: row.up }
  if (!row.up) {
    return {
      status: 'broken',
      code: 'portDown',
      text: `port ${name} has no carrier: what is behind it can not be reached, and is not announced`,
      evidence,
      fix: `start the guest behind ${name}, or set the interface up: ip link set ${name} up`,
    }
  }
  return ok(`${name} (${row.kind}) is up, MTU ${row.mtu}`, evidence)
}

function missing(name: string, reason: string): Look {
  return {
    status: 'broken',
    code: 'portMissing',
    text: `port ${name} is not open${reason === '' ? '' : `: ${reason}`}`,
    evidence: { ifname: name, reason },
    fix: `make the interface, or remove the port: vtep port remove ${name}`,
  }
}

function ofNetwork({ network, ports, vni }: Subject): Look {
  const own = ports.filter((one) => one.vni === vni)
  const up = own.filter((one) => one.up)
  const evidence = { ports: network!.ports.length, up: up.map(({ name }) => name) }
  if (network!.ports.length === 0) return ok('no port here: only the gateway reaches it', evidence)
  if (up.length === 0) {
    const text = `none of the ${counted(network!.ports.length, 'port')} of ${network!.name} is up: nobody here can send to it`
    return { status: 'warning', text, evidence, fix: `vtep ports --network ${network!.name}` }
  }
  return ok(`${up.length} of ${counted(network!.ports.length, 'port')} up`, evidence)
}
