// What each profile derives: rows as the vendors document them, and what has to hold for any AS and VNI.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { type Profile, profiles } from '../../src/evpn/index.js'
import { ImportIndex } from '../../src/evpn/route-targets.js'
import { formatExtendedCommunity, parseExtendedCommunity } from '../../src/wire/index.js'

const names = Object.keys(profiles) as Profile[]

const rows: readonly (readonly [Profile, number, number, string, readonly string[]])[] = [
  ['frr', 65000, 10100, '65000:10100', ['*:10100']],
  // CloudStack's sample AS: 4200800212 & 0xffff.
  ['frr', 4200800212, 10100, '8148:10100', ['*:10100']],
  ['arista', 65000, 0xffffff, '65000:16777215', ['*:16777215']],
  ['arista', 4200000001, 10100, '4200000001:10100', ['*:10100']],
  ['arista', 4200000001, 100000, '4200000001:34464', ['*:100000', '4200000001:34464']],
  ['nxos', 65000, 30001, '65000:30001', ['*:30001']],
  ['nxos', 4200000001, 30001, '23456:30001', ['*:30001']],
  ['junos', 64512, 10100, '64512:268445556', ['*:268445556', '*:10100']],
  ['rfc8365', 65000, 101, '65000:268435557', ['*:268435557']],
  ['rfc8365', 4200800212, 101, '8148:268435557', ['*:268435557']],
]

for (const [profile, asn, vni, exported, imported] of rows) {
  t.test(`${profile}: AS ${asn}, VNI ${vni}`, async (t) => {
    t.equal(profiles[profile].exported(asn, vni), exported)
    t.strictSame(profiles[profile].imported(asn, vni), imported)
  })
}

const twoOctets = fc.integer({ min: 1, max: 0xffff })
const fourOctets = fc.integer({ min: 0x10000, max: 0xffffffff })
const vni = fc.oneof(fc.integer({ min: 1, max: 0xffffff }), fc.constantFrom(1, 0xffff, 0x10000))
const profile = fc.constantFrom(...names)

function imports(by: Profile, asn: number, vni: number, target: string): boolean {
  const index = new ImportIndex<true>()
  index.add(true, profiles[by].imported(asn, vni))
  return index.importers([target]).length > 0
}

t.test('a network imports what it exports, whatever its AS', async () => {
  fc.assert(
    fc.property(profile, fc.oneof(twoOctets, fourOctets), vni, (name, asn, vni) => {
      assert.ok(imports(name, asn, vni, profiles[name].exported(asn, vni)))
    }),
  )
})

t.test('hosts of different AS meet, where the form has room for the VNI', async () => {
  fc.assert(
    fc.property(profile, twoOctets, twoOctets, vni, (name, here, there, vni) => {
      assert.ok(imports(name, here, vni, profiles[name].exported(there, vni)))
    }),
  )
  fc.assert(
    fc.property(profile, fourOctets, fourOctets, vni, (name, here, there, vni) => {
      fc.pre(name !== 'arista' || vni <= 0xffff)
      assert.ok(imports(name, here, vni, profiles[name].exported(there, vni)))
    }),
  )
})

t.test('another VNI is not imported', async () => {
  fc.assert(
    fc.property(profile, twoOctets, twoOctets, vni, vni, (name, here, there, ours, theirs) => {
      fc.pre(ours !== theirs)
      assert.ok(!imports(name, here, ours, profiles[name].exported(there, theirs)))
    }),
  )
})

t.test('what is derived fits into eight octets', async () => {
  fc.assert(
    fc.property(profile, fc.oneof(twoOctets, fourOctets), vni, (name, asn, vni) => {
      const target = profiles[name].exported(asn, vni)
      const community = parseExtendedCommunity(`rt:${target}`)
      assert.deepEqual(community, { type: 'routeTarget', target })
      assert.equal(formatExtendedCommunity(community), `rt:${target}`)
    }),
  )
})
