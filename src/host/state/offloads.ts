// What the devices behind ports and underlay finish for us, and what the dataplane has switched off because it did not work.

import { PortFlag, UnderlayFlag } from '../../fib/tables.gen.js'
import type { OffloadView } from '../views/index.js'

interface Offload {
  /** ethtool's word where it has one. */
  readonly name: string
  readonly text: string
  /** The device has it. */
  readonly able: number
  readonly off: number
}

interface Flags {
  readonly offloads: readonly Offload[]
  readonly trial: number
  readonly selfTest: number
}

const ofPort: Flags = {
  offloads: [
    {
      name: 'checksum',
      text: 'checksum offload',
      able: PortFlag.checksum,
      off: PortFlag.checksumOff,
    },
    {
      name: 'tso',
      text: 'TCP segmentation offload',
      able: PortFlag.tso,
      off: PortFlag.checksumOff | PortFlag.tsoOff,
    },
    {
      name: 'uso',
      text: 'UDP segmentation offload',
      able: PortFlag.uso,
      off: PortFlag.checksumOff | PortFlag.usoOff,
    },
  ],
  trial: PortFlag.offloadTrial,
  selfTest: PortFlag.offloadSelfTest,
}

const ofUnderlay: Flags = {
  offloads: [
    {
      name: 'checksum',
      text: 'outer checksum offload',
      able: UnderlayFlag.checksum,
      off: UnderlayFlag.checksumOff,
    },
    {
      name: 'tunnel',
      text: 'segmentation of whole tunnel super-frames',
      able: UnderlayFlag.tunnel,
      off: UnderlayFlag.tunnelOff,
    },
    {
      name: 'uso',
      text: 'segmentation of trains (USO)',
      able: UnderlayFlag.trains,
      off: UnderlayFlag.trainsOff,
    },
  ],
  trial: UnderlayFlag.offloadTrial,
  selfTest: UnderlayFlag.offloadSelfTest,
}

const has = (flags: number, bits: number): boolean => (flags & bits) !== 0

function read({ offloads, trial, selfTest }: Flags, flags: number): OffloadView[] {
  return offloads.map(({ name, able, off }) => {
    if (!has(flags, able)) return { name, state: 'none', reason: '' }
    if (!has(flags, off)) return { name, state: 'on', reason: '' }
    if (has(flags, trial))
      return { name, state: 'trial', reason: 'off for some seconds: frames do not seem to arrive' }
    const reason = has(flags, selfTest)
      ? 'a self-test on a private pair of interfaces failed'
      : 'frames did not arrive with it and do without'
    return { name, state: 'off', reason }
  })
}

/** By PortFlag bits. */
export const portOffloads = (flags: number): OffloadView[] => read(ofPort, flags)
/** By UnderlayFlag bits. */
export const underlayOffloads = (flags: number): OffloadView[] => read(ofUnderlay, flags)

/** The first that is not used although the device has it, in words; undefined when there is none. */
function firstOff(kind: Flags, flags: number): string | undefined {
  const found = kind.offloads.find(({ able, off }) => has(flags, able) && has(flags, off))
  if (found === undefined) return undefined
  return `${found.text} is off${has(flags, kind.trial) ? ' on trial' : ''}`
}

export const portOffloadOff = (flags: number): string | undefined => firstOff(ofPort, flags)
export const underlayOffloadOff = (flags: number): string | undefined => firstOff(ofUnderlay, flags)

export interface Finding {
  /** Stable name. */
  readonly code: string
  readonly severity: 'warning' | 'error'
  /** What was seen. */
  readonly evidence: string
  /** What the operator can do. */
  readonly fix: string
}

/** What is wrong with the offloads of ports, given by name, and of interfaces of the underlay; empty is good. */
export function offloadFindings(
  ports: readonly { readonly name: string; readonly flags: number }[],
  underlays: readonly { readonly name: string; readonly flags: number }[],
): Finding[] {
  const finding = (where: string, kind: Flags, flags: number): Finding[] => {
    const off = firstOff(kind, flags)
    if (off === undefined) return []
    const { reason } = read(kind, flags).find(({ state }) => state === 'off' || state === 'trial')!
    return [
      {
        code: 'offloadOff',
        severity: 'warning',
        evidence: `${where}: ${off}: ${reason}`,
        fix: 'packets go the slower way meanwhile; update the driver or its firmware, or switch the offload off there (ethtool -K)',
      },
    ]
  }
  return [
    ...ports.flatMap(({ name, flags }) => finding(`port ${name}`, ofPort, flags)),
    ...underlays.flatMap(({ name, flags }) => finding(`interface ${name}`, ofUnderlay, flags)),
  ]
}
