// The front door of io: what touches the world.

export { DataplaneError, type KindInfo, type OptionInfo, type Polling } from './addon.js'
export { Bfd, type BfdAction, type BfdEvents, type BfdRecord, type BfdState } from './bfd.js'
export { Clock } from './clock.js'
export { type Drive, type DriveOptions, drive } from './drive.js'
export { Echo } from './echo.js'
export { type DeviceRow, type Devices, readBridging, readDevices } from './iproute.js'
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
  type WorkerSettings,
} from './native.js'
export {
  connectionHolder,
  formatHolder,
  type PortHolder,
  portHolder,
  unitOf,
} from './port-holder.js'
export type { RingFrame } from './ring-frames.js'
export { type DiscoveryEvents, RouterDiscovery } from './router-discovery.js'
export { Supervisor } from './supervisor.js'
export { ListenError, Tcp, type TcpAction, type TcpEvent } from './tcp.js'
export { type CoreCapacities, WasmCore, type WasmCoreOptions } from './wasm.js'
