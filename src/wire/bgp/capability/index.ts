// The registry of capabilities (RFC 5492), and the loops over it.

import type { ObjectCodec, Reader, Writer } from '../../codec.js'
import { WireError } from '../../error.js'
import { addPath } from './add-path.js'
import type { CapabilityOf } from './capability.js'
import { enhancedRouteRefresh } from './enhanced-route-refresh.js'
import { extendedMessage } from './extended-message.js'
import { extendedNextHop } from './extended-next-hop.js'
import { fourOctetAs } from './four-octet-as.js'
import { fqdn } from './fqdn.js'
import { gracefulRestart } from './graceful-restart.js'
import { longLivedGracefulRestart } from './long-lived-graceful-restart.js'
import { multiprotocol } from './multiprotocol.js'
import { role } from './role.js'
import { routeRefreshCapability } from './route-refresh.js'

export { addPathMode } from './add-path.js'

/** Adding a capability is its file and one line here. */
export const capabilityTypes = [
  multiprotocol,
  routeRefreshCapability,
  extendedNextHop,
  extendedMessage,
  role,
  gracefulRestart,
  fourOctetAs,
  addPath,
  enhancedRouteRefresh,
  longLivedGracefulRestart,
  fqdn,
] as const

/** A capability without a row, or with a value its row cannot read. Ignored (RFC 5492 section 3). */
export interface UnknownCapability {
  readonly name: 'unknown'
  readonly code: number
  readonly value: Uint8Array
}

export type KnownCapability = CapabilityOf<(typeof capabilityTypes)[number]>
export type Capability = KnownCapability | UnknownCapability

/** The capability of that name: `CapabilityNamed<'gracefulRestart'>`. */
export type CapabilityNamed<Name extends Capability['name']> = Extract<Capability, { name: Name }>

interface Row {
  readonly code: number
  readonly name: string
  readonly fields: ObjectCodec<unknown>
}

const rows: readonly Row[] = capabilityTypes
const byCode = new Map(rows.map((row) => [row.code, row]))
const byName = new Map(rows.map((row) => [row.name, row]))

/** Code, length, value. Throws WireError only when the length overruns; a bad value is given to `onBroken`. */
export function decodeCapability(
  r: Reader,
  onBroken: (name: string, error: WireError) => void,
): Capability {
  const code = r.u8()
  const body = r.sub(r.u8())
  const start = body.offset
  const row = byCode.get(code)
  if (row !== undefined) {
    try {
      const value: { [name: string]: unknown } = { name: row.name }
      row.fields.decodeInto(body, value)
      body.finish()
      return value as unknown as Capability
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      onBroken(row.name, error)
    }
  }
  return { name: 'unknown', code, value: body.octets.slice(start, body.end) }
}

/** The inverse of decodeCapability. */
export function encodeCapability(w: Writer, capability: Capability): void {
  if (capability.name === 'unknown') {
    w.u8(capability.code)
    w.prefixed(1, () => w.bytes(capability.value))
  } else {
    const row = byName.get(capability.name)!
    w.u8(row.code)
    w.prefixed(1, () => row.fields.encode(w, capability))
  }
}
