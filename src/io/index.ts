// The front door of io: what touches the world.

export { DataplaneError, type KindInfo, type OptionInfo } from './addon.js'
export {
  type AttachOptions,
  type DataplaneStart,
  dropReasons,
  layoutHash,
  loadAddon,
  NativeDataplane,
  portKinds,
  type RunningDataplane,
  startDataplane,
  uplinkKinds,
} from './native.js'
