// The port kinds of the addon, where there is one.

import { DataplaneError, portKinds } from '../io/index.js'
import type { PortKindInfo } from './config/index.js'
import { HostFailure } from './instance/index.js'

/** Undefined without an addon: then kinds and options are checked when a port is opened. */
export function knownPortKinds(): readonly PortKindInfo[] | undefined {
  try {
    return portKinds()
  } catch (error) {
    if (error instanceof DataplaneError && error.code === 'ADDON_MISSING') return undefined
    throw error
  }
}

/** As above, for whoever can not do without. Throws HostFailure that says how to get it. */
export function requiredPortKinds(): readonly PortKindInfo[] {
  try {
    return portKinds()
  } catch (error) {
    if (error instanceof DataplaneError) throw new HostFailure(error.message)
    throw error
  }
}
