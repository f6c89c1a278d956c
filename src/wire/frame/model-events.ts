// What the reference switch tells of frames, under the names of the packet path's events.

import type { Ip, Mac } from '../../net/index.js'
import type { MembershipRecord } from './membership.js'

export type ModelEvent =
  | {
      readonly event: 'macLearned' | 'macMoved' | 'macAged' | 'macFlushed'
      readonly vni: number
      readonly mac: Mac
      readonly port: number
      readonly previous?: Ip
    }
  | {
      readonly event: 'neighbourLearned' | 'neighbourMoved' | 'neighbourAged'
      readonly vni: number
      readonly ip: Ip
      readonly mac: Mac
      readonly port: number
    }
  | ({
      readonly event: 'multicastReport'
      readonly vni: number
      readonly port: number
      readonly version: number
    } & MembershipRecord)
  | {
      readonly event: 'multicastQuery'
      readonly vni: number
      readonly port: number
      readonly querier: Ip
      readonly version: number
    }
  | {
      readonly event: 'routerSolicited'
      readonly vni: number
      readonly port: number
      readonly host: Ip
    }
  | { readonly event: 'remoteResolved' | 'remoteUnresolved'; readonly remote: Ip }
