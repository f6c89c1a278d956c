// What a port's device takes as it is, and what the dataplane has switched off because it did not work.

import { PortFlag } from '../../fib/tables.gen.js'

export interface OffloadStates {
  readonly checksum: string
  readonly tso: string
  readonly uso: string
}

const has = (flags: number, bit: number): boolean => (flags & bit) !== 0

/** `on`, `none` (the device has it not), or `off: ` and why. */
export function offloadsOf(flags: number): OffloadStates {
  const why = has(flags, PortFlag.offloadTrial)
    ? 'off: on trial, frames do not seem to arrive'
    : 'off: frames did not arrive with it and do without'
  const all = has(flags, PortFlag.checksumOff)
  const state = (able: number, off: boolean): string =>
    !has(flags, able) ? 'none' : off ? why : 'on'
  return {
    checksum: state(PortFlag.checksum, all),
    tso: state(PortFlag.tso, all || has(flags, PortFlag.tsoOff)),
    uso: state(PortFlag.uso, all),
  }
}

/** What is off, in words; undefined when nothing is. */
export function offloadsOff(flags: number): string | undefined {
  const word = has(flags, PortFlag.checksumOff)
    ? 'checksum offload'
    : has(flags, PortFlag.tsoOff)
      ? 'TCP segmentation offload'
      : undefined
  if (word === undefined) return undefined
  return has(flags, PortFlag.offloadTrial) ? `${word} is off on trial` : `${word} is off`
}
