// The question to a host: octets, and what our own switch and a host make of it.

import t from 'tap'
import { findLayers, hostProbe, readNeighbourTalk } from '../../../src/wire/frame/index.js'

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex')
const mac = '02:00:00:00:00:01'

t.test('ARP', async (t) => {
  const frame = hostProbe('10.1.0.5', mac)
  const octets = `020000000001 027674657000 0806 0001 0800 06 04 0001 027674657000 00000000 000000000000 0a010005`
  t.equal(hex(frame), octets.replace(/\s/g, ''))
  const talk = readNeighbourTalk(frame, findLayers(frame)!, true)
  t.same(talk, { router: false, asks: '10.1.0.5' }, 'a probe tells nobody anything')
})

t.test('neighbour discovery', async (t) => {
  const frame = hostProbe('2001:db8::5', mac)
  t.equal(hex(frame.subarray(0, 14)), '02000000000102767465700086dd')
  t.equal(hex(frame.subarray(54, 56)), '8700', 'a solicitation')
  // Read with its checksum.
  const talk = readNeighbourTalk(frame, findLayers(frame)!, true)
  t.match(talk, { asks: '2001:db8::5' })
  t.ok(frame.length <= 120, 'as the packet path takes it')
})
