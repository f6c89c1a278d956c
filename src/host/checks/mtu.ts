// What VXLAN adds to a tenant's packet.

/** Outer IP, UDP, VXLAN and the inner Ethernet header, in octets. */
export const overheadOf = (family: 4 | 6): number => (family === 4 ? 50 : 70)
