// The front door of net: values and their text forms.

export {
  type Esi,
  esImportTarget,
  esiFromBytes,
  esiFromLacp,
  esiFromSystem,
  esiToBytes,
  isSegment,
  MAX_ESI,
  parseEsi,
  ZERO_ESI,
} from './esi.js'
export {
  compareIp,
  type Ip,
  ipFamily,
  ipFromBytes,
  ipToBytes,
  ipv4FromBytes,
  ipv6FromBytes,
  isIpv4,
  isIpv6,
  isMulticastIp,
  parseIp,
  parseIpv4,
} from './ip.js'
export { isMulticastMac, type Mac, macFromBytes, macToBytes, parseMac } from './mac.js'
export { hexFromBytes, hexToBytes } from './octets.js'
export { ParseError } from './parse-error.js'
export { type Prefix, parsePrefix, prefixContains, prefixFromBytes, splitPrefix } from './prefix.js'
export {
  parseRouteDistinguisher,
  type RouteDistinguisher,
  routeDistinguisherFromBytes,
  routeDistinguisherToBytes,
} from './route-distinguisher.js'
export {
  parseRouteTarget,
  type RouteTarget,
  routeTargetFromBytes,
  routeTargetToBytes,
} from './route-target.js'
export { isVni, MAX_VNI, parseVni, type Vni } from './vni.js'
