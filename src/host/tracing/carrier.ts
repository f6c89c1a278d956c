// Who carries a frame: the kernel's fast path, or the workers. A trace looks at the workers' tables; the fast path has an extract of them.

import type { PortState, UplinkState } from '../../fib/index.js'
import { PortFlag } from '../../fib/tables.gen.js'
import type { Trace, TracedStep } from '../../trace/index.js'
import type { HeldPort } from '../ports.js'

export interface Carried {
  readonly octets: Uint8Array
  /** Name of the port that it comes from; undefined: the underlay. */
  readonly port: string | undefined
  readonly trace: Trace
}

/** What the fast path leaves to the workers (native/fastpath/README.md): all but bridged unicast between hosts that are known. */
const workersSteps = new Set([
  'atSegment',
  'bound',
  'group',
  'movedFromPort',
  'movedFromVtep',
  'new',
  'unresolved',
])

/** IP protocols of each version that it takes (native/fastpath/frame.h). */
const fastProtocols: Readonly<Record<number, readonly number[]>> = { 4: [1, 6, 17], 6: [6, 17] }

/** The last step of a trace. */
export function carrier(
  uplink: UplinkState | undefined,
  held: ReadonlyMap<string, HeldPort>,
  rows: readonly PortState[],
  carried: Carried,
): TracedStep {
  const isFast = (name: string): boolean => {
    const row = rows.find(({ id }) => id === held.get(name)?.id)
    return row !== undefined && (row.flags & PortFlag.fastPath) !== 0
  }
  const why = whyNot(uplink, isFast, carried)
  if (why === undefined) {
    const text = "carried by the kernel's fast path, once a worker has seen one of its kind"
    return { step: 'path', text, fields: { path: 'kernel' } }
  }
  return { step: 'path', text: `carried by the workers: ${why}`, fields: { path: 'workers', why } }
}

/** Undefined: it is the fast path's. */
function whyNot(
  uplink: UplinkState | undefined,
  isFast: (port: string) => boolean,
  { octets, port, trace: { verdict, steps, out } }: Carried,
): string | undefined {
  if (uplink === undefined || uplink.fastPathRefusal !== '')
    return `there is no fast path (${uplink?.fastPathRefusal ?? 'the dataplane is down'})`
  const { outcome } = verdict
  if (outcome !== 'port' && outcome !== 'remote') return 'the fast path takes bridged unicast alone'
  const slow = steps.find(({ step }) => workersSteps.has(step))
  if (slow !== undefined) return slow.text
  const [frame] = steps.filter(({ step }) => step === 'frame').map(({ fields }) => fields)
  const { version, protocol } = frame ?? {}
  const isPlain = port === undefined || isUntaggedIp(octets)
  if (!isPlain || fastProtocols[Number(version)]?.includes(Number(protocol)) !== true)
    return 'the fast path takes TCP, UDP and ICMP of IPv4 and TCP and UDP of IPv6 alone, untagged'
  const slowPort = [port, outcome === 'port' ? out[0]?.to : undefined].find(
    (name) => name !== undefined && !isFast(name),
  )
  return slowPort === undefined ? undefined : `port ${slowPort} has no fast path`
}

/** Without a VLAN tag and without IPv4 options. */
function isUntaggedIp(octets: Uint8Array): boolean {
  const [high, low, first = 0] = octets.subarray(12, 15)
  if (high === 0x86 && low === 0xdd) return true
  return high === 0x08 && low === 0x00 && first === 0x45
}
