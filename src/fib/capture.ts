// What a dataplane shows of frames on their way.

import type { Ip } from '../net/index.js'

/** Where a frame is seen. `drop`: where it is lost. */
export type CapturePointName =
  | 'fromPort'
  | 'toPort'
  | 'beforeEncap'
  | 'afterEncap'
  | 'beforeDecap'
  | 'afterDecap'
  | 'drop'

/** Which frames are wanted, and what of them. What is left out does not matter. */
export interface CaptureSpec {
  /** Default: everywhere. */
  readonly points?: readonly CapturePointName[]
  /** Port id: of frames that come from it or go to it. */
  readonly port?: number
  readonly vni?: number
  /** Number of a drop reason. */
  readonly reason?: number
  /** In tcpdump's language, about the frame as it is at the point. */
  readonly filter?: string
  /** The filter is about the frame in VXLAN. */
  readonly inner?: boolean
  /** Frames are chosen where they come in, and then seen at every point. */
  readonly follow?: boolean
  /** Octets of a frame that are kept. */
  readonly snapLength?: number
  /** Then it is enough; followed frames count once. */
  readonly frames?: number
  /** Records a second and worker. */
  readonly rate?: number
}

/** A frame at a point. */
export interface CapturedFrame {
  readonly point: CapturePointName
  readonly worker: number
  /** The same at every point. */
  readonly id: bigint
  /** Since 1970. */
  readonly timeNanoseconds: bigint
  /** Octets that it has. */
  readonly length: number
  /** What was kept of it. */
  readonly bytes: Uint8Array
  /** Port id it came from; 0: the underlay, or it is our own word. */
  readonly port: number
  /** Port id it goes to; 0: none. */
  readonly outPort: number
  /** 0: not known. */
  readonly vni: number
  /** VTEP it goes to or comes from. */
  readonly remote?: Ip
  /** Number of a drop reason; 0: it is not lost. */
  readonly reason: number
  /** Where the first copy goes; left out: not decided here. */
  readonly destination?: 'port' | 'remote'
  readonly copies: number
  /** Its outer headers were made for the record: the kernel has the real ones. */
  readonly rebuilt: boolean
  /** It waits for the MAC of its next hop. */
  readonly held: boolean
  /** The switch has answered it. */
  readonly answered: boolean
  readonly routed: boolean
  /** Of a super-frame: as in virtio_net_hdr. */
  readonly gso?: { readonly type: number; readonly size: number }
  readonly partialChecksum: boolean
}

export interface CaptureBatch {
  readonly frames: readonly CapturedFrame[]
  /** Wanted frames that found no room, since the beginning. */
  readonly missedRoom: number
  /** And those that came faster than the capture may take them. */
  readonly missedRate: number
}

/** A capture that is on. */
export interface CaptureFeed {
  /** Ports whose frames have left the kernel's fast path for it. */
  readonly leftFastPath: readonly number[]
  /** Why it has ended by itself; undefined: it goes on. */
  readonly lost: string | undefined
  /** What has come since the last call, up to some megabytes. */
  read(): CaptureBatch
  /** Frees everything. A second call does nothing. */
  stop(): void
}
