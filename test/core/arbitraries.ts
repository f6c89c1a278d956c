// Random scripts for the switch: valid frames first, some of them then damaged, so that they get past the first check.

import fc from 'fast-check'
import type { Frame, Meta, ModelOperation, RunFrame } from '../../src/wire/frame/index.js'
import { concat, noMeta } from '../../src/wire/frame/index.js'
import { beginning } from './beginning.js'
import {
  arpFrame,
  broadcast,
  discovery,
  filled,
  fragmentBody,
  link,
  macA,
  macB,
  macC,
  outer,
  ping,
  tcp,
  udp,
  vxlan,
} from './frames.js'
import type { Script, Step } from './legs.js'
import { aboutGroup, groupMac, report } from './membership-frames.js'
import { solicitations } from './solicitations.js'

/** Without the properties that are undefined. */
const defined = <T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as never

// Few values, so that they meet.
const vni = fc.constantFrom(10100, 20000, 0, 2 ** 24)
const goodVni = fc.constantFrom(10100, 10100, 20000, 31)
const port = fc.constantFrom(1, 2, 3)
const anyPort = fc.constantFrom(1, 1, 2, 2, 3, 64)
const hostMac = fc.constantFrom(macA, macB, macC, '02:00:00:00:00:0d')
const anyMac = fc.oneof(
  { weight: 8, arbitrary: hostMac },
  fc.constantFrom(
    broadcast,
    '01:80:c2:00:00:00',
    '33:33:ff:00:00:11',
    '00:00:00:00:00:00',
    '01:00:5e:00:00:09',
  ),
)
const remote = fc.constantFrom('10.0.0.2', '10.0.0.3', '2001:db8::2', '10.0.0.2')
const anyRemote = fc.oneof(
  { weight: 9, arbitrary: remote },
  fc.constantFrom('10.0.0.1', '10.0.0.9', '0.0.0.0', 'ff02::1', '224.0.0.1'),
)
const ip4 = fc.constantFrom('10.1.0.10', '10.1.0.11', '10.1.0.12', '10.9.0.1')
const ip6 = fc.constantFrom('fd00::10', 'fd00::11', 'fe80::a', 'fd09::1')
const anyIp = fc.oneof(
  { weight: 9, arbitrary: fc.oneof(ip4, ip6) },
  fc.constantFrom('0.0.0.0', '::', 'ff02::1'),
)
const isSpecified = (ip: string): boolean => ip !== '0.0.0.0' && ip !== '::'
const esi = fc.constantFrom(
  '03:02:00:00:00:00:01:00:00:01',
  '03:02:00:00:00:00:01:00:00:01',
  '00:00:00:00:00:00:00:00:00:00',
)
const via = fc.constantFrom('::', '::', '10.0.0.2')
const origin = fc.constantFrom('local' as const, 'remote' as const)
const flag = fc.boolean()

const vrf = fc.constantFrom(50001, 50001, 50002)
const routerMac = fc.constantFrom(undefined, '02:00:00:00:00:0d', '02:00:00:00:00:0d')
const prefix = fc.constantFrom(
  '10.1.0.0/24',
  '10.1.0.11/32',
  '10.1.0.12/31',
  '0.0.0.0/0',
  'fd00::/64',
  'fd00::11/128',
  '::/0',
)
const routeHop = fc.oneof(
  fc.constantFrom(
    { kind: 'own' as const, vni: 0, via: '::', mac: '00:00:00:00:00:00' },
    { kind: 'blackhole' as const, vni: 0, via: '::', mac: '00:00:00:00:00:00' },
  ),
  fc.record({
    kind: fc.constant('connected' as const),
    vni: goodVni,
    via: fc.constant('::'),
    mac: fc.constant('00:00:00:00:00:00'),
  }),
  fc.record({
    kind: fc.constant('gateway' as const),
    vni: goodVni,
    via: fc.oneof(ip4, ip6),
    mac: fc.constant('00:00:00:00:00:00'),
  }),
  fc.record({
    kind: fc.constant('remote' as const),
    vni: fc.constantFrom(50001, 50009, 0),
    via: anyRemote,
    mac: anyMac,
  }),
)

const group4 = fc.constantFrom('239.1.1.1', '232.1.1.2', '239.1.1.1', '224.0.0.9')
const group6 = fc.constantFrom('ff05::1', 'ff3e::2', 'ff05::1', 'ff02::9')
const channel = fc.oneof(
  fc.record({
    group: fc.oneof(group4, fc.constant('0.0.0.0')),
    source: fc.option(ip4, { nil: undefined }),
  }),
  fc.record({
    group: fc.oneof(group6, fc.constant('::')),
    source: fc.option(ip6, { nil: undefined }),
  }),
)

const listener = fc
  .record({
    op: fc.constantFrom('listenerAdd' as const, 'listenerAdd' as const, 'listenerRemove' as const),
    vni: goodVni,
    channel,
    place: fc.oneof(
      fc.record({ port: fc.oneof({ weight: 9, arbitrary: port }, fc.constant(65)) }),
      fc.record({ remote: anyRemote }),
    ),
  })
  .map(({ op, vni, channel, place }) => ({ op, vni, ...defined(channel), ...place }))

const operation: fc.Arbitrary<ModelOperation> = fc.oneof(
  { weight: 3, arbitrary: listener },
  fc
    .record({
      vni: fc.oneof(goodVni, vrf),
      suppress: flag,
      vrf: fc.option(fc.oneof({ weight: 9, arbitrary: vrf }, fc.constantFrom(10100, 0, 2 ** 24)), {
        nil: undefined,
      }),
      routerMac,
      address4: fc.constantFrom(undefined, '10.1.0.1', '0.0.0.0'),
      address6: fc.constantFrom(undefined, 'fd00::1', '::'),
    })
    .map((settings) => ({ op: 'networkSet' as const, agingSeconds: 300, ...defined(settings) })),
  vrf.map((vni) => ({
    op: 'networkSet' as const,
    vni,
    suppress: false,
    agingSeconds: 0,
    vrf: vni,
    routerMac: '02:00:00:00:00:0d',
    address4: '10.1.0.1',
  })),
  fc
    .record({
      op: fc.constantFrom('routeAdd' as const, 'routeAdd' as const, 'routeRemove' as const),
      vrf,
      prefix,
      hop: routeHop,
    })
    .map(({ op, vrf, prefix, hop }) => ({ op, vrf, prefix, ...hop })),
  fc.record({
    op: fc.constant('networkSet' as const),
    vni: fc.oneof({ weight: 5, arbitrary: goodVni }, vni),
    suppress: flag,
    snoop: flag,
    suppressUnknown: flag,
    advertise: flag,
    replicate: flag,
    agingSeconds: fc.constantFrom(0, 10, 300),
    stormFramesPerSecond: fc.constantFrom(0, 1, 3),
    stormBurst: fc.constantFrom(0, 1, 2, 5),
  }),
  fc.record({ op: fc.constant('networkRemove' as const), vni: fc.oneof(goodVni, vrf) }),
  fc.record({
    op: fc.constant('portAttach' as const),
    port: fc.oneof({ weight: 9, arbitrary: port }, fc.constantFrom(0, 65)),
    vni: fc.oneof(goodVni, fc.constant(0)),
  }),
  fc.record({
    op: fc.constant('floodAdd' as const),
    vni: goodVni,
    remote: anyRemote,
    noBroadcasts: fc.constantFrom(false, false, true),
    noUnknown: fc.constantFrom(false, false, true),
  }),
  fc.record({ op: fc.constant('floodRemove' as const), vni: goodVni, remote: anyRemote }),
  fc
    .record({ vni: goodVni, remote: fc.option(anyRemote.filter(isSpecified), { nil: undefined }) })
    .map(({ vni, remote }) => ({ op: 'replicatorSet' as const, vni, ...defined({ remote }) })),
  fc.record({
    op: fc.constant('macSetRemote' as const),
    vni: goodVni,
    mac: anyMac,
    remote: anyRemote,
    static: flag,
    sticky: flag,
    override: flag,
  }),
  fc.record({
    op: fc.constant('macSetLocal' as const),
    vni: goodVni,
    mac: anyMac,
    port,
    static: fc.constant(true),
    sticky: flag,
  }),
  fc.record({
    op: fc.constant('macGroupSet' as const),
    vni: goodVni,
    esi,
    via,
    remotes: fc.array(anyRemote.filter(isSpecified), { maxLength: 4 }),
  }),
  fc.record({ op: fc.constant('macGroupRemove' as const), vni: goodVni, esi, via }),
  fc.record({
    op: fc.constant('macSetGroup' as const),
    vni: goodVni,
    mac: anyMac,
    esi,
    via,
    static: flag,
    sticky: flag,
    override: flag,
  }),
  fc.record({
    op: fc.constant('macSetPeer' as const),
    vni: goodVni,
    mac: anyMac,
    port,
    static: flag,
    sticky: flag,
    override: flag,
  }),
  fc.record({
    op: fc.constant('portSegmentSet' as const),
    port: fc.oneof({ weight: 9, arbitrary: port }, fc.constantFrom(0, 65)),
    designated: flag,
    blocked: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, fc.constant(true)),
    peers: fc.array(anyRemote.filter(isSpecified), { maxLength: 3 }),
  }),
  fc.record({ op: fc.constant('portSegmentClear' as const), port }),
  fc.record({ op: fc.constant('macRemove' as const), vni: goodVni, mac: anyMac, origin }),
  fc.record({
    op: fc.constant('neighbourSet' as const),
    vni: goodVni,
    ip: anyIp,
    mac: anyMac,
    origin,
    static: flag,
    router: flag,
    override: flag,
    gateway: flag,
  }),
  fc.record({ op: fc.constant('neighbourRemove' as const), vni: goodVni, ip: anyIp, origin }),
  fc.record({
    op: fc.constant('nextHopSet' as const),
    remote,
    nextHop: fc.constantFrom('10.0.0.254', '10.0.0.2'),
    source: fc.constantFrom('10.0.0.1', '2001:db8::1'),
    ifindex: fc.constantFrom(0, 3, 3, 3, 3),
    mtu: fc.constantFrom(0, 1500, 150),
    mac: hostMac,
    sourceMac: hostMac,
  }),
)

const tags = fc.array(
  fc.record({ type: fc.constantFrom(0x8100, 0x88a8), control: fc.nat(0xffff) }),
  { maxLength: 3 },
)
const payload = fc.integer({ min: 0, max: 200 }).map((length) => filled(length))
const family = fc.oneof(
  fc.record({
    from: ip4,
    to: ip4,
    options: fc.constantFrom(undefined, filled(4), filled(40)),
    fragment: fc.constantFrom(0, 0, 0, 0x2000, 7, 0x4000),
    ttl: fc.constantFrom(64, 64, 64, 1),
  }),
  fc.record({
    from: ip6,
    to: ip6,
    ttl: fc.constantFrom(undefined, undefined, 1),
    extensions: fc.array(
      fc.oneof(
        fc.record({
          type: fc.constantFrom(0, 43, 60),
          body: fc.constantFrom(filled(6), filled(14)),
        }),
        fc.record({ type: fc.constant(44), body: fc.constantFrom(0, 1, 0x10).map(fragmentBody) }),
        fc.record({ type: fc.constant(51), body: fc.constantFrom(filled(6), filled(10)) }),
      ),
      { maxLength: 9 },
    ),
  }),
)

const addressed = fc.record({
  source: fc.oneof({ weight: 19, arbitrary: hostMac }, anyMac),
  destination: anyMac,
  tags: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, tags),
})
const offload = fc.record({
  partial: flag,
  gsoSize: fc.oneof(fc.constant(undefined), fc.integer({ min: 1, max: 120 })),
})

const groupRecord = fc.oneof(
  fc.record({
    mode: fc.nat(7),
    group: fc.oneof(group4, ip4),
    sources: fc.array(fc.oneof(ip4, group4), { maxLength: 3 }),
    auxiliary: fc.nat(1),
  }),
)
const groupRecord6 = fc.record({
  mode: fc.nat(7),
  group: fc.oneof(group6, ip6),
  sources: fc.array(fc.oneof(ip6, group6), { maxLength: 3 }),
  auxiliary: fc.nat(1),
})
const said = fc.record({
  source: hostMac,
  ttl: fc.constantFrom(1, 1, 1, 2),
  checksumError: fc.constantFrom(0, 0, 0, 1),
  partial: fc.constantFrom(false, false, false, true),
})
const membership: fc.Arbitrary<Frame> = fc.oneof(
  fc
    .tuple(
      fc.constantFrom(0x11, 0x12, 0x16, 0x17, 0x16, 0x22, 0x30),
      fc.oneof(group4, fc.constant('0.0.0.0')),
      fc.record({ code: fc.nat(2), tail: fc.constantFrom(filled(0), filled(2), filled(4)) }),
      said,
    )
    .map(([type, group, more, options]) => aboutGroup(type, group, { ...more, ...options })),
  fc
    .tuple(
      fc.constantFrom(130, 131, 132, 131, 143, 133),
      fc.oneof(group6, fc.constant('::')),
      fc.record({ code: fc.nat(2), tail: fc.constantFrom(filled(0), filled(2), filled(4)) }),
      said,
      fc.constantFrom('fe80::a', 'fe80::a', '::', 'fd00::10'),
    )
    .map(([type, group, more, options, from]) =>
      aboutGroup(type, group, { ...more, ...options, from }),
    ),
  fc
    .tuple(
      fc.oneof(
        fc.array(groupRecord, { maxLength: 4 }),
        fc.array(groupRecord6, { minLength: 1, maxLength: 4 }),
      ),
      said,
      fc.constantFrom(undefined, undefined, undefined, 0, 5, 0xffff),
    )
    .map(([records, options, count]) => report(records, defined({ ...options, count }))),
)
const stream = fc
  .tuple(fc.oneof(fc.tuple(group4, ip4), fc.tuple(group6, ip6)), hostMac)
  .map(([[to, from], source]) => udp({ to, from, source, destination: groupMac(to) }))

const validFrame: fc.Arbitrary<Frame> = fc.oneof(
  membership,
  stream,
  fc
    .tuple(
      addressed,
      family,
      offload,
      fc.record({
        payload,
        flags: fc.nat(255),
        tcpOptions: fc.constantFrom(undefined, filled(12)),
        ecn: flag,
      }),
    )
    .map(([a, b, c, d]) => tcp(defined({ ...a, ...b, ...c, ...d }))),
  fc
    .tuple(
      addressed,
      family,
      offload,
      fc.record({ payload, ports: fc.tuple(fc.nat(3), fc.nat(3)) }),
    )
    .map(([a, b, c, d]) => udp(defined({ ...a, ...b, ...c, ...d }))),
  fc.tuple(addressed, family).map(([a, b]) => ping(defined({ ...a, ...b }))),
  fc
    .record({
      source: hostMac,
      senderMac: fc.oneof({ weight: 5, arbitrary: fc.constant(undefined) }, hostMac),
      destination: fc.constantFrom(broadcast, broadcast, macB),
      operation: fc.constantFrom(1, 1, 1, 2, 3),
      senderIp: fc.oneof(
        { weight: 4, arbitrary: ip4 },
        fc.constantFrom('0.0.0.0', '255.255.255.255'),
      ),
      targetIp: ip4,
    })
    .map((options) => arpFrame(defined(options))),
  fc
    .tuple(
      fc.constantFrom(135 as const, 136 as const),
      fc.record({
        source: hostMac,
        destination: fc.constantFrom('33:33:ff:00:00:11', macB),
        from: fc.oneof({ weight: 4, arbitrary: ip6 }, fc.constant('::')),
        target: ip6,
        flags: fc.constantFrom(0, 0x80, 0xe0),
        linkAddress: fc.constantFrom(undefined, macA, macB, macC),
        checksumError: fc.constantFrom(0, 0, 0, 0, 1),
      }),
    )
    .map(([type, options]) => discovery(type, defined(options))),
  solicitations(hostMac),
  fc
    .tuple(addressed, fc.nat(0xffff), payload)
    .map(([a, type, body]) => ({ bytes: link(type, body, a), meta: noMeta })),
)

const damage = fc.array(
  fc.oneof(
    fc.record({ at: fc.nat(120), value: fc.nat(255) }),
    fc.record({ cut: fc.nat(200) }),
    fc.record({ keep: fc.nat(60) }),
    fc.record({ grow: fc.nat(20) }),
  ),
  { maxLength: 2 },
)
type Damage = {
  readonly at?: number
  readonly value?: number
  readonly cut?: number
  readonly keep?: number
  readonly grow?: number
}

function damaged(bytes: Uint8Array, changes: readonly Damage[]): Uint8Array {
  let out: Uint8Array = bytes.slice()
  for (const { at, value, cut, keep, grow } of changes) {
    if (at !== undefined && at < out.length) out[at] = value!
    if (cut !== undefined) out = out.subarray(0, Math.max(0, out.length - cut))
    if (keep !== undefined) out = out.subarray(0, keep)
    if (grow !== undefined) out = concat(out, filled(grow))
  }
  return out
}

const metaChange: fc.Arbitrary<Partial<Meta>> = fc.record(
  {
    flags: fc.nat(3),
    gsoType: fc.constantFrom(0, 1, 3, 4, 5, 0x81, 0x80),
    headerLength: fc.nat(300),
    gsoSize: fc.nat(100),
    checksumStart: fc.nat(120),
    checksumOffset: fc.constantFrom(0, 6, 16, 17, 65535),
  },
  { requiredKeys: [] },
)

/** Mostly whole. */
const frame: fc.Arbitrary<Frame> = fc
  .tuple(
    validFrame,
    fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, damage),
    fc.oneof({ weight: 4, arbitrary: fc.constant({}) }, metaChange),
  )
  .map(([{ bytes, meta }, changes, said]) => ({
    bytes: damaged(bytes, changes),
    meta: { ...meta, ...said },
  }))

const vxlanOptions = fc.record({
  vni: goodVni,
  flags: fc.oneof({ weight: 8, arbitrary: fc.constant(8) }, fc.nat(255)),
})

/** Metadata of the underlay: none, of the frame inside, or of a train of packets. */
function underlayMeta(inner: Meta, shift: number, kind: number, size: number): Meta {
  if (kind === 0 || (inner.flags & 1) === 0) return kind === 3 ? { ...noMeta, flags: 2 } : noMeta
  if (kind === 1) return { ...inner, checksumStart: inner.checksumStart + shift }
  return {
    ...noMeta,
    flags: 1,
    gsoType: 5,
    gsoSize: size,
    checksumStart: shift - 16,
    checksumOffset: 6,
  }
}

/** Our AR-IP, of the family of our VTEP address. */
const replicatorOf = (local: string): string => (local.includes(':') ? '2001:db8::9' : '10.0.0.9')

const outerFrame = (local: string): fc.Arbitrary<RunFrame> =>
  fc
    .record({
      inner: frame,
      options: fc.tuple(
        vxlanOptions,
        fc.record({
          from: remote,
          checksum: fc.constantFrom('zero' as const, 'right' as const, 'wrong' as const),
          udpPort: fc.constantFrom(4789, 4789, 4789, 4790),
          fragment: fc.constantFrom(0, 0, 0, 0, 0x2000),
          to: fc.constantFrom(local, local, replicatorOf(local)),
        }),
      ),
      changes: fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, damage),
      kind: fc.nat(3),
      size: fc.nat(200),
    })
    .map(({ inner, options: [header, rest], changes, kind, size }) => {
      const from =
        rest.from.includes(':') === local.includes(':')
          ? rest.from
          : local.includes(':')
            ? '2001:db8::2'
            : '10.0.0.2'
      const whole = outer(inner.bytes, { ...header, ...rest, from })
      const shift = whole.length - inner.bytes.length
      return {
        form: 'outer',
        bytes: damaged(whole, changes),
        meta: underlayMeta(inner.meta, shift, kind, size),
      }
    })

const runFrame = (local: string): fc.Arbitrary<RunFrame> =>
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc
        .tuple(frame, anyPort)
        .map(([each, at]) => ({ form: 'port' as const, port: at, ...each })),
    },
    { weight: 2, arbitrary: outerFrame(local) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(
          frame,
          vxlanOptions,
          anyRemote,
          fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(150)),
          flag,
        )
        .map(([each, header, source, size, toReplicator]) => ({
          form: 'vxlan' as const,
          source,
          toReplicator,
          bytes: vxlan(each.bytes, header),
          meta: size === 0 ? noMeta : { ...noMeta, gsoType: 5, gsoSize: size },
        })),
    },
    { weight: 1, arbitrary: frame.map((each) => ({ form: 'finish' as const, ...each })) },
    { weight: 1, arbitrary: frame.map((each) => ({ form: 'finishPartial' as const, ...each })) },
  )

const step = (local: string): fc.Arbitrary<Step> =>
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({ apply: fc.array(operation, { minLength: 1, maxLength: 6 }) }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        now: fc.nat(40),
        frames: fc.array(runFrame(local), { minLength: 1, maxLength: 8 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ tick: fc.nat(60) }) },
  )

/** Time only moves forward. */
function inOrder(steps: readonly Step[]): Step[] {
  let now = 0
  return steps.map((each) => {
    if ('apply' in each) return each
    now += 'tick' in each ? each.tick : each.now
    return 'tick' in each ? { tick: now } : { ...each, now }
  })
}

export const script: fc.Arbitrary<Script> = fc
  .constantFrom('10.0.0.1', '2001:db8::1')
  .chain((localAddress) =>
    fc.array(step(localAddress), { minLength: 1, maxLength: 12 }).map((steps) => ({
      vtep: { localAddress, replicatorAddress: replicatorOf(localAddress), udpPort: 4789 },
      steps: [beginning(localAddress), ...inOrder(steps)],
    })),
  )
