// ADD-PATH (RFC 7911 section 4): for each family AFI (2), SAFI (1), Send/Receive (1).

import { list, struct, u8, u16 } from '../../codec.js'
import { capabilityType } from './capability.js'

/** Bits of `mode`. A mode other than 1, 2 or 3 is to be ignored, so it is kept as a number. */
export const addPathMode = { receive: 1, send: 2, both: 3 } as const

export const addPath = capabilityType({
  code: 69,
  name: 'addPath',
  fields: struct({ families: list(struct({ afi: u16, safi: u8, mode: u8 })) }),
})
