// A speaker under test at one end of a wire, its load at the other.

import { wire } from '../../test/lab/index.js'
import { Load, loadNet } from './load.js'
import type { Kind, Role, Speaker } from './speakers.js'

/** What one bed gives, by figure. */
export type Measured = {
  readonly [figure: string]: { readonly unit: string; readonly value: number }
}

export interface Bed {
  readonly speaker: Speaker
  readonly load: Load
}

/** A speaker and its load at both ends of a wire. */
export async function inBed<T>(
  kind: Kind,
  role: Role,
  shape: { readonly sessions: number; readonly macs: number },
  act: (bed: Bed) => Promise<T>,
): Promise<T> {
  const fabric = await wire(undefined)
  try {
    const [host, far] = [fabric.hosts[0]!, fabric.hosts[1]!]
    await host.ip(`route add ${loadNet} via ${far.vtep4}`)
    const speaker = await kind.start(host, role, shape.sessions)
    const load = await Load.open({ host: far, peer: host.vtep4, ...shape })
    try {
      return await act({ speaker, load })
    } finally {
      load.close()
    }
  } finally {
    await fabric.lab.close()
  }
}
