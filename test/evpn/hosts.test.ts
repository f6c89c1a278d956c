// Hosts that are said to be behind a port before they are there: announced when nobody else has them, and else from their
// first frame on.

import t from 'tap'
import { Fabric, type Host, VNI } from './fabric.js'

const MAC = '02:00:00:00:00:01'
const OTHER = '02:00:00:00:00:02'
const IP = '192.0.2.1'
const PORT = 1

function bind(host: Host, ...hosts: readonly { mac: string; ips: readonly string[] }[]): void {
  host.step({ event: 'portBound', binding: { vni: VNI, port: PORT, hosts } })
}

t.test('what nobody has is announced at once, each host with its addresses', async (t) => {
  const fabric = new Fabric(2)
  const [a, b] = [fabric.hosts[0]!, fabric.hosts[1]!]
  bind(a, { mac: MAC, ips: [IP, '2001:db8::1'] }, { mac: OTHER, ips: [] })
  fabric.settle()
  t.same(a.ownMacs().toSorted(), [MAC, `${MAC} 192.0.2.1`, `${MAC} 2001:db8::1`, OTHER])
  const answers = b.dataplane.snapshot().neighbours.map(({ ip, mac }) => `${ip} ${mac}`)
  t.same(answers.toSorted(), [`192.0.2.1 ${MAC}`, `2001:db8::1 ${MAC}`])

  bind(a, { mac: OTHER, ips: [IP] })
  fabric.settle()
  t.same(a.ownMacs().toSorted(), [OTHER, `${OTHER} ${IP}`], 'one left, an address went over')
  bind(a)
  fabric.settle()
  t.same(a.ownMacs(), [])
  t.same(b.dataplane.snapshot().neighbours, [])
})

t.test('a host that another VTEP has stays there until it speaks here', async (t) => {
  const fabric = new Fabric(2)
  const [a, b] = [fabric.hosts[0]!, fabric.hosts[1]!]
  bind(a, { mac: MAC, ips: [IP] })
  fabric.settle()
  bind(b, { mac: MAC, ips: [IP] })
  fabric.settle()
  t.same(b.ownMacs(), [], 'the target of a migration says nothing yet')
  t.same(a.ownMacs(), [MAC, `${MAC} ${IP}`])

  b.dataplane.frame(PORT, MAC)
  fabric.settle()
  t.same(b.ownMacs().toSorted(), [MAC, `${MAC} ${IP}`], 'its first frame: here, with its address')
  t.same(a.ownMacs(), [])
  t.equal(b.evpn.mac(VNI, MAC)?.sequence, 1)

  bind(a)
  fabric.settle()
  t.same(b.ownMacs().toSorted(), [MAC, `${MAC} ${IP}`], 'the source forgets it: nothing changes')
})

t.test('a host whose other VTEP is gone is here without a frame', async (t) => {
  const fabric = new Fabric(2)
  const [a, b] = [fabric.hosts[0]!, fabric.hosts[1]!]
  bind(a, { mac: MAC, ips: [IP] })
  fabric.settle()
  bind(b, { mac: MAC, ips: [IP] })
  fabric.settle()
  bind(a)
  fabric.settle()
  t.same(b.ownMacs().toSorted(), [MAC, `${MAC} ${IP}`])
})

t.test('a word about later does not move what is bound to another port', async (t) => {
  const fabric = new Fabric(2)
  const [a] = fabric.hosts
  a!.step({ event: 'portBound', binding: { vni: VNI, port: 2, mac: MAC, ips: [IP] } })
  bind(a!, { mac: MAC, ips: [IP] })
  fabric.settle()
  const port = () => a!.dataplane.snapshot().macs.find(({ mac }) => mac === MAC)?.port
  t.equal(port(), 2)
  bind(a!)
  fabric.settle()
  t.equal(port(), 2)
})
