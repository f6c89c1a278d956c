// One thing to measure on a bed: a file each, and a line in index.ts.

import type { Bed, BedOptions } from '../bed.js'
import type { Device } from '../devices/index.js'

export interface Column {
  /** Says in the table what it is, with its unit. */
  readonly label: string
  readonly unit: string
  readonly better: 'more' | 'less'
  /**
   * The traffic tools may be what limits it, which the row of the tools alone tells; with `loss`, the column of what was lost
   * meanwhile: where that is nothing, the source gave all it could.
   */
  readonly tools?: { readonly loss?: string }
}

export interface ProbeOptions {
  /** A look whether all works: short, rough. */
  readonly quick: boolean
}

export interface Probe {
  /** Selects it: npm run bench -- NAME. */
  readonly name: string
  /** Heading of its table. */
  readonly title: string
  /** How it is measured, for whoever reads the table. */
  readonly note: string
  /** Hosts that have the device. */
  readonly hosts: 1 | 2
  /** A bed of its own, where the common one does not do. */
  readonly bed?: BedOptions
  readonly columns: Readonly<Record<string, Column>>
  suits(device: Device): boolean
  /** By column one value, or several where one says little; what is left out was not to be had. */
  measure(
    bed: Bed,
    options: ProbeOptions,
  ): Promise<Readonly<Record<string, number | readonly number[]>>>
}
