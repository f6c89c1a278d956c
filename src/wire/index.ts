// The front door of wire: values and their octets.

export * from './bgp/index.js'
export * from './bmp/index.js'
export {
  hostProbe,
  type MembershipRecord,
  membershipQuery,
  membershipReports,
  type RouterAdvertisement,
  routerAdvertisement,
} from './frame/index.js'
export * from './mrt/index.js'
