// The front door of wire: values and their octets.

export * from './bgp/index.js'
export * from './bmp/index.js'
export {
  describeFrame,
  frameDigest,
  hostProbe,
  type MembershipRecord,
  membershipQuery,
  membershipReports,
  type RouterAdvertisement,
  routerAdvertisement,
} from './frame/index.js'
export * from './mrt/index.js'
export {
  decodePcapng,
  encodePcapng,
  LINK_ETHERNET,
  type PcapngBlock,
  type PcapngPacket,
  PcapngReader,
} from './pcapng/index.js'
