// A frame in words: what is filled in from the tables, what has to be said, and that the octets are right.

import { test } from 'tap'
import { Refusal } from '../../src/host/refusal.js'
import {
  describe,
  type FrameDescription,
  type Surroundings,
} from '../../src/host/tracing/description.js'
import type { Ip, Mac } from '../../src/net/index.js'
import {
  describedFrame,
  findLayers,
  onesComplementSum,
  pseudoHeader,
  readNeighbourTalk,
} from '../../src/wire/frame/index.js'

const macs: Readonly<Record<Ip, Mac>> = {
  '10.1.0.11': '02:00:00:00:00:01',
  '10.1.0.12': '02:00:00:00:00:02',
  '2001:db8:1::12': '02:00:00:00:00:02',
}
const around: Surroundings = {
  sender: '02:00:00:00:00:01',
  senderIps: ['2001:db8:1::11'],
  holder: (ip) => macs[ip],
  addresses: (mac) => Object.keys(macs).filter((ip) => macs[ip] === mac),
  routerMac: '02:00:5e:00:00:01',
  gateways: ['10.1.0.1/24', '2001:db8:1::1/64'],
}
const frameOf = (given: FrameDescription): Buffer => Buffer.from(describe(given, around))
const link = (given: FrameDescription): string => frameOf(given).toString('hex', 0, 14)

test('what is left out comes from the tables', async (t) => {
  const to = (mac: string, type: string): string => `${mac.replace(/:/g, '')}020000000001${type}`
  t.equal(link({ ipDst: '10.1.0.12' }), to('02:00:00:00:00:02', '0800'), 'its own subnet')
  t.equal(link({ ipDst: '10.2.0.1' }), to('02:00:5e:00:00:01', '0800'), 'another one')
  t.equal(link({ ipDst: '10.1.0.1' }), to('02:00:5e:00:00:01', '0800'), 'the gateway')
  t.equal(link({ ipDst: '2001:db8:1::12' }), to('02:00:00:00:00:02', '86dd'), 'IPv6')
  t.equal(link({ ipDst: '239.1.2.3' }), to('01:00:5e:01:02:03', '0800'), 'multicast')
  t.equal(link({ ipDst: '10.1.0.99', proto: 'arp' }), to('ff:ff:ff:ff:ff:ff', '0806'), 'ARP')
  t.equal(link({ ipDst: '2001:db8:1::99', proto: 'nd' }), to('33:33:ff:00:00:99', '86dd'), 'ND')
  t.equal(link({ dstMac: '02:00:00:00:00:09' }), to('02:00:00:00:00:09', '88b5'), 'only MACs')
  const tcp = frameOf({ dstMac: '02:00:00:00:00:02', proto: 'tcp', dport: 80 })
  t.equal(tcp.toString('hex', 26, 34), '0a01000b0a01000c', 'addresses of both MACs')
})

test('what is not known has to be said, all at once', async (t) => {
  const problems = (
    given: FrameDescription,
    more: Partial<Surroundings> = {},
  ): readonly string[] => {
    try {
      describe(given, { ...around, ...more })
      return []
    } catch (error) {
      if (error instanceof Refusal) return error.problems.map(({ text }) => text)
      throw error
    }
  }
  t.match(problems({ ipDst: '10.1.0.99' }), [/^frame.dstMac: expected a MAC.*, got 10.1.0.99$/])
  t.match(problems({ proto: 'udp' }, { sender: undefined }), [
    /^frame.srcMac: expected a MAC/,
    /^frame.ipDst: expected an address, got nothing$/,
    /^frame.dstMac/,
  ])
  t.match(problems({ ipDst: '10.1.0.12', length: 30 }), [/expected at least 42 octets, got 30/])
  t.match(problems({ ipSrc: '10.1.0.11', ipDst: '2001:db8:1::12' }), [/expected one family/])
})

test('the octets are what they say', async (t) => {
  const from = { 4: '10.1.0.11', 6: '2001:db8:1::11' } as const
  const to = { 4: '10.1.0.12', 6: '2001:db8:1::12' } as const
  const macPair = { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' }
  for (const family of [4, 6] as const) {
    for (const protocol of ['tcp', 'udp', 'echo', 'ask'] as const) {
      for (const length of [0, 101]) {
        const frame = describedFrame({
          ...macPair,
          from: from[family],
          to: to[family],
          protocol,
          length,
        })
        const layers = findLayers(frame)
        if (layers === undefined) throw new Error('headers contradict the length')
        if (length !== 0 && protocol !== 'ask') t.equal(frame.length, length)
        if (protocol === 'ask') {
          t.match(readNeighbourTalk(frame, layers, true), { asks: to[family], tells: from[family] })
          continue
        }
        const segment = frame.subarray(layers.l4)
        const head = pseudoHeader(from[family], to[family], layers.protocol, segment.length)
        const summed = layers.protocol === 1 ? segment : Buffer.concat([head, segment])
        t.equal(onesComplementSum(summed), 0xffff, `${protocol} over IPv${family}, ${frame.length}`)
      }
    }
  }
})
