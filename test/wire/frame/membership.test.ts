// Questions and reports about multicast groups: octets, and what our own switch makes of them.

import fc from 'fast-check'
import t from 'tap'
import {
  findLayers,
  type MembershipRecord,
  membershipQuery,
  membershipReports,
  readMembership,
} from '../../../src/wire/frame/index.js'

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex')
const read = (frame: Uint8Array) => readMembership(frame, findLayers(frame)!, true)
const spaced = (octets: string): string => octets.replace(/\s/g, '')

t.test('queries', async (t) => {
  const general = `01005e000001 027674657000 0800
    46c0 0024 0000 4000 01 02 0413 00000000 e0000001 94040000  11 64 ec23 00000000 02 78 0000`
  t.equal(hex(membershipQuery('0.0.0.0', 10)), spaced(general))
  const ofOne = `333300001234 027674657000 86dd
    60000000 0024 00 01 fe80000000000000007674fffe657000 ff150000000000000000000000001234
    3a00 05020000 0100  82 00 0000 012c 0000 ff150000000000000000000000001234 02 78 0000`
  const frame = membershipQuery('ff15::1234', 0.3)
  const checksum = hex(frame.subarray(64, 66))
  t.equal(hex(frame), spaced(ofOne).replace('820000000', `8200${checksum}0`))
  for (const group of ['0.0.0.0', '::', '239.1.1.1', 'ff05::1'])
    t.same(read(membershipQuery(group, 1)), { kind: 'query', version: 3 }, group)
})

t.test('reports are read as they were meant, in frames that the packet path takes', async () => {
  const record = fc.constantFrom('join', 'leave', 'include', 'block')
  const records = (group: string, source: string) =>
    fc.array(
      fc.record({ record, n: fc.integer({ min: 1, max: 9 }) }).map(({ record: said, n }) => ({
        record: said as 'join',
        group: `${group}${n}`,
        ...(said === 'include' || said === 'block' ? { source: `${source}${n}` } : {}),
      })),
      { maxLength: 40 },
    )
  fc.assert(
    fc.property(
      fc.oneof(records('239.1.1.', '10.1.0.'), records('ff05::', '2001:db8::')),
      fc.constantFrom(2, 3),
      (said: readonly MembershipRecord[], version) => {
        const frames = membershipReports(said, version)
        const got = frames.flatMap((frame) => {
          if (frame.length > 120) throw new Error(`${frame.length} octets`)
          const message = read(frame)
          if (message?.kind !== 'report' || message.version !== version)
            throw new Error('no report')
          return message.records
        })
        const older = said.flatMap(({ record: one, group }): MembershipRecord[] =>
          one === 'block' ? [] : [{ record: one === 'include' ? 'join' : one, group }],
        )
        if (JSON.stringify(got) !== JSON.stringify(version === 3 ? said : older))
          throw new Error(JSON.stringify(got))
      },
    ),
  )
})
