// PMSI Tunnel (RFC 6514 section 5; for EVPN RFC 7432 section 11, RFC 8365 section 9).
//
// RFC 7606 gives no verdict for it. Without it nobody floods to the sender, so the route is of no use: withdraw.
//
//   +---------------------------------+
//   |  Flags (1 octet)                |
//   +---------------------------------+
//   |  Tunnel Type (1 octet)          |
//   +---------------------------------+
//   |  MPLS Label (3 octets)          |
//   +---------------------------------+
//   |  Tunnel Identifier (variable)   |
//   +---------------------------------+

import type { Ip } from '../../../net/index.js'
import { join, type ObjectCodec, rest, struct, u8, u24 } from '../../codec.js'
import { ipRest } from '../../values.js'
import { pmsiTunnelType, updateError } from '../iana.js'
import { type AttributeCodec, attributeClass, attributeType } from './attribute.js'

/** Under ingress replication the identifier is the sender's tunnel endpoint; of other tunnels it is kept as octets. */
export type PmsiTunnel = {
  readonly flags: number
  /** One of `pmsiTunnelType`, or any other octet. */
  readonly tunnelType: number
  /** Raw: under VXLAN the VNI in all 24 bits, and it must survive reflection. */
  readonly label: number
} & (
  | { readonly endpoint: Ip; readonly identifier?: never }
  | { readonly endpoint?: never; readonly identifier: Uint8Array }
)

const head = struct({ flags: u8, tunnelType: u8, label: u24 })
const ingress: ObjectCodec<{ readonly endpoint: Ip }> = struct({ endpoint: ipRest })
const other: ObjectCodec<{ readonly identifier: Uint8Array }> = struct({ identifier: rest })

const value: AttributeCodec<PmsiTunnel> = {
  shape: {
    kind: 'choice',
    of: [
      {
        kind: 'with',
        values: { tunnelType: pmsiTunnelType.ingressReplication },
        of: join(head, ingress).shape,
      },
      {
        kind: 'with',
        values: { tunnelType: pmsiTunnelType.pimSm },
        of: join(head, other).shape,
      },
    ],
  },
  decode(r) {
    const start = head.decode(r)
    const isIngress = start.tunnelType === pmsiTunnelType.ingressReplication
    return { ...start, ...(isIngress ? ingress.decode(r) : other.decode(r)) }
  },
  encode(w, tunnel) {
    head.encode(w, tunnel)
    if (tunnel.endpoint !== undefined) ingress.encode(w, tunnel)
    else other.encode(w, tunnel)
  },
}

export const pmsiTunnel = attributeType({
  code: 22,
  name: 'pmsiTunnel',
  flags: attributeClass.optionalTransitive,
  onMalformed: 'treat-as-withdraw',
  subcode: updateError.optionalAttributeError,
  value,
})
