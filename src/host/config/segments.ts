// Ethernet segments of the configuration in the words of evpn.

import type { SegmentSettings } from '../../evpn/index.js'
import { type Esi, esiFromLacp, esiFromSystem } from '../../net/index.js'
import type { EthernetSegment } from './schema-segment.js'

/** The identifier, in whichever of its forms it is given; undefined where none is, or a part of it was wrong. */
export function esiOf({ esi, lacp, system }: EthernetSegment): Esi | undefined {
  const { systemMac, key } = lacp ?? {}
  if (systemMac !== undefined && key !== undefined) return esiFromLacp(systemMac, key)
  const { mac, discriminator } = system ?? {}
  if (mac !== undefined && discriminator !== undefined) return esiFromSystem(mac, discriminator)
  return esi
}

export function segmentSettings(segment: EthernetSegment): SegmentSettings {
  const { mode, df } = segment
  // The rules of the configuration see to it that there is one.
  return { esi: esiOf(segment)!, singleActive: mode === 'single-active', ...df }
}
