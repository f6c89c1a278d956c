// The front door of wire/frame: headers of frames, and the reference switch.

export { type RouterAdvertisement, routerAdvertisement } from './advertisement.js'
export { concat, encoded } from './bytes.js'
export { internetChecksum, onesComplementSum, pseudoHeader, transportChecksum } from './checksum.js'
export { describeFrame, frameDigest } from './describe.js'
export {
  type DescribedFrame,
  describedFrame,
  multicastMac,
  solicitedNode,
} from './described.js'
export { dissect, type Layer } from './dissect.js'
export { ethernet, etherTypes, vlanTag } from './ethernet.js'
export { extensionHeader, fragmentHeader, ipv4Header, ipv6Header, protocols } from './ip.js'
export { findLayers, flowHash, type Layers } from './layers.js'
export {
  igmpMessage,
  igmpTypes,
  type MembershipRecord,
  membershipQuery,
  membershipReports,
  mldMessage,
  mldTypes,
  readMembership,
  recordModes,
} from './membership.js'
export { type Frame, gsoTypes, type Meta, metaFlags, noMeta } from './meta.js'
export { type ModelOptions, type ModelOutcome, SwitchModel } from './model.js'
export type { ModelEvent } from './model-events.js'
export type { ModelOperation, Pruning } from './model-operations.js'
export {
  answerNeighbour,
  arp,
  linkAddressOption,
  neighbourMessage,
  readNeighbourTalk,
} from './neighbour.js'
export {
  decapsulateOuter,
  decapsulatePayload,
  encapsulate,
  sourcePort,
  type Underlay,
  type VxlanPacket,
} from './outer.js'
export { hostProbe } from './probe.js'
export {
  decodeOutcomes,
  destinationWord,
  encodeOutcomes,
  encodeRun,
  forms,
  type Outcome,
  type RunFrame,
  type RunInput,
} from './run.js'
export { type Checksums, finish } from './segmentation.js'
export { tcpHeader, udpHeader } from './transport.js'
export { vxlanHeader } from './vxlan.js'
