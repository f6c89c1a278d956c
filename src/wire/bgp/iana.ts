// Assigned numbers, each with its registry at https://www.iana.org/assignments/ and the RFC that assigned it.
// Numbers that one registry row alone uses stand in that row (attribute/, capability/, community/, evpn/).

/** bgp-parameters, "BGP Message Types": RFC 4271 section 4.1, RFC 2918. */
export const messageType = {
  open: 1,
  update: 2,
  notification: 3,
  keepalive: 4,
  routeRefresh: 5,
} as const

/** address-family-numbers, "Address Family Numbers". */
export const afi = {
  ipv4: 1,
  ipv6: 2,
  /** RFC 4761, used by EVPN (RFC 7432 section 7). */
  l2vpn: 25,
} as const

/** safi-namespace, "SAFI Values". */
export const safi = {
  /** RFC 4760. */
  unicast: 1,
  /** RFC 7432. */
  evpn: 70,
  /** RFC 4684. */
  routeTarget: 132,
} as const

/** RFC 6793 section 9: stands for an AS number that two octets cannot hold. */
export const AS_TRANS = 23456

/** RFC 4271 section 4.3, bits of the Attribute Flags octet. */
export const attributeFlag = {
  optional: 0x80,
  transitive: 0x40,
  partial: 0x20,
  extendedLength: 0x10,
} as const

/** bgp-parameters, "BGP Error (Notification) Codes": RFC 4271 section 4.5, RFC 7313 section 6. */
export const errorCode = {
  messageHeader: 1,
  open: 2,
  update: 3,
  holdTimerExpired: 4,
  fsm: 5,
  cease: 6,
  routeRefresh: 7,
} as const

/** "Message Header Error subcodes": RFC 4271 section 4.5. */
export const headerError = {
  connectionNotSynchronized: 1,
  badMessageLength: 2,
  badMessageType: 3,
} as const

/** "OPEN Message Error subcodes": RFC 4271 section 4.5, RFC 5492 section 5, RFC 9234 section 4.2. */
export const openError = {
  unspecific: 0,
  unsupportedVersionNumber: 1,
  badPeerAs: 2,
  badBgpIdentifier: 3,
  unsupportedOptionalParameter: 4,
  unacceptableHoldTime: 6,
  unsupportedCapability: 7,
  roleMismatch: 11,
} as const

/** "UPDATE Message Error subcodes": RFC 4271 section 4.5. */
export const updateError = {
  malformedAttributeList: 1,
  unrecognizedWellKnownAttribute: 2,
  missingWellKnownAttribute: 3,
  attributeFlagsError: 4,
  attributeLengthError: 5,
  invalidOriginAttribute: 6,
  invalidNextHopAttribute: 8,
  optionalAttributeError: 9,
  invalidNetworkField: 10,
  malformedAsPath: 11,
} as const

/** "BGP Finite State Machine Error Subcodes": RFC 6608. */
export const fsmError = {
  unspecified: 0,
  unexpectedMessageInOpenSent: 1,
  unexpectedMessageInOpenConfirm: 2,
  unexpectedMessageInEstablished: 3,
} as const

/** "BGP Cease NOTIFICATION message subcodes": RFC 4486, RFC 8538, RFC 9384. */
export const ceaseError = {
  maximumPrefixes: 1,
  administrativeShutdown: 2,
  peerDeconfigured: 3,
  administrativeReset: 4,
  connectionRejected: 5,
  otherConfigurationChange: 6,
  connectionCollision: 7,
  outOfResources: 8,
  hardReset: 9,
  bfdDown: 10,
} as const

/** "BGP ROUTE-REFRESH Message Error subcodes": RFC 7313 section 5. */
export const routeRefreshError = { invalidMessageLength: 1 } as const

/** RFC 7313 section 3.2, the octet that RFC 2918 had reserved. */
export const routeRefreshSubtype = { request: 0, beginRefresh: 1, endRefresh: 2 } as const

/** bgp-tunnel-encapsulation, "BGP Tunnel Encapsulation Attribute Tunnel Types": RFC 8365, RFC 9012, RFC 8926. */
export const tunnelType = {
  gre: 2,
  ipInIp: 7,
  vxlan: 8,
  nvgre: 9,
  mpls: 10,
  mplsInGre: 11,
  vxlanGpe: 12,
  mplsInUdp: 13,
  geneve: 19,
} as const

/** bgp-parameters, "P-Multicast Service Interface Tunnel (PMSI Tunnel) Tunnel Types": RFC 6514, RFC 7524. */
export const pmsiTunnelType = {
  noTunnel: 0,
  pimSsm: 3,
  pimSm: 4,
  ingressReplication: 6,
  assistedReplication: 10,
} as const

/**
 * bgp-parameters, "P-Multicast Service Interface Tunnel (PMSI Tunnel) Attribute Flags": RFC 6514, RFC 9574 section 4. `role` holds a
 * field of two bits, of which 0 is a VTEP that knows nothing of assisted replication; the next two ask to be left out of flood lists.
 */
export const pmsiFlag = {
  leafInformationRequired: 0x01,
  pruneUnknown: 0x02,
  pruneBroadcasts: 0x04,
  replicator: 0x08,
  leaf: 0x10,
  role: 0x18,
} as const

/** bgp-parameters, "BGP Role Value": RFC 9234 section 4.1. */
export const bgpRole = { provider: 0, rs: 1, rsClient: 2, customer: 3, peer: 4 } as const

/** bgp-well-known-communities: RFC 1997, RFC 9494 (LLGR), RFC 8326 (graceful shutdown). */
export const wellKnownCommunity = {
  gracefulShutdown: 0xffff0000,
  llgrStale: 0xffff0006,
  noLlgr: 0xffff0007,
  noExport: 0xffffff01,
  noAdvertise: 0xffffff02,
  noExportSubconfed: 0xffffff03,
} as const
