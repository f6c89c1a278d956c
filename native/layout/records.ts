// What each worker writes for readers: its counters, and what a capture hands over. Part of the contract in layout.ts.

import { field, type Structure } from './schema.js'

/** Counted by each worker in a block of its own; readers add them up. */
export const counters: readonly Structure[] = [
  {
    name: 'portCounters',
    doc: 'One port, one worker. rx is from the tenant (or underlay), tx towards it.',
    fields: [
      field('rxFrames', 'u64', 'frames; a super-frame counts once'),
      field('rxBytes', 'u64', 'bytes without FCS'),
      field('txFrames', 'u64', 'frames'),
      field('txBytes', 'u64', 'bytes without FCS'),
      field('rxDropped', 'u64', 'frames that entered here and were dropped by name'),
      field('txDropped', 'u64', 'frames meant for here and dropped by name'),
      field('suppressed', 'u64', 'ARP/ND requests answered'),
      field('flooded', 'u64', 'frames replicated'),
    ],
  },
]

/** A record for each frame at each point, in a ring of each worker. */
export const records: readonly Structure[] = [
  {
    name: 'captureRecord',
    doc: 'A frame at a point of its way, and what was decided about it. Its octets follow.',
    fields: [
      field('length', 'u32', 'octets of the whole record, a multiple of 8'),
      field('point', 'u8', 'CapturePoint'),
      field('worker', 'u8', 'number of the worker'),
      field('reason', 'u16', 'why it was lost, as in drop.def; 0 = it was not'),
      field('id', 'u64', 'of the frame: the same at every point; worker from bit 56'),
      field('timeNanoseconds', 'u64', 'CLOCK_REALTIME, of the burst it came with'),
      field('captured', 'u32', 'octets of the frame in the record'),
      field('frameLength', 'u32', 'octets of the frame'),
      field('port', 'u32', 'id of the port it came from, 0 = the underlay or ourselves'),
      field('outPort', 'u32', 'id of the port it goes to, 0 = none'),
      field('vni', 'u32', 'VNI, 0 = not known'),
      field('destination', 'u32', 'the first destination word of the verdict, 0 = none'),
      field('copies', 'u32', 'of the verdict: how many were to leave'),
      field('flags', 'u16', 'CaptureFlag bits'),
      field('gsoType', 'u8', 'as in virtio_net_hdr, 0 = no super-frame'),
      field('metaFlags', 'u8', 'as in virtio_net_hdr: 1 = its checksum is partial'),
      field('gsoSize', 'u16', 'octets of payload in a segment; of a train of datagrams their size'),
      field('headerLength', 'u16', 'of a super-frame'),
      field('checksumStart', 'u16', 'of a partial checksum'),
      field('checksumOffset', 'u16', 'from checksumStart'),
      field('remote', 'ip', 'VTEP it goes to or comes from, :: = none'),
    ],
  },
]

/** Named numbers of records. */
export const captureNumbers = {
  /** Where a capture sees a frame; `none`: a record that is to be passed over. */
  CapturePoint: {
    none: 0,
    fromPort: 1,
    toPort: 2,
    beforeEncap: 3,
    afterEncap: 4,
    beforeDecap: 5,
    afterDecap: 6,
    drop: 7,
  },
  /**
   * `rebuilt`: the outer Ethernet, IP and UDP headers were made for the record, as the kernel writes and takes the real ones. `held`: it
   * waits for the MAC of its next hop. `answered`: the switch has answered it. `routed`: into another network. `parts`: copies of it
   * had verdicts of several kinds.
   */
  CaptureFlag: { rebuilt: 1, held: 2, answered: 4, routed: 8, parts: 16 },
} as const
