// The light front door of captures, for surfaces that read them.

export {
  describeFrame,
  encodePcapng,
  frameDigest,
  type PcapngBlock,
  type PcapngPacket,
  PcapngReader,
} from '../../wire/index.js'
export {
  type CaptureComment,
  type CapturePointWord,
  capturePoints,
  parseComment,
} from './words.js'
