// Ethernet segments as the view has them.

import { dfAlgorithms, type SegmentView as Segment } from '../../evpn/index.js'
import type { SegmentView } from '../views/index.js'

const algorithmNames: ReadonlyMap<number, string> = new Map(
  Object.entries(dfAlgorithms).map(([name, number]) => [number, name]),
)

/** Others may use one that we do not know by name. */
const algorithmName = (number: number | undefined): string | null =>
  number === undefined ? null : (algorithmNames.get(number) ?? String(number))

export function segmentView(
  { esi, kind, singleActive, state, algorithm, preference, networks, members }: Segment,
  vtep: string,
  portNames: ReadonlyMap<number | undefined, string>,
): SegmentView {
  return {
    esi,
    kind,
    mode: singleActive ? 'single-active' : 'all-active',
    state,
    algorithm: algorithmName(algorithm),
    preference: preference ?? null,
    networks: networks.map(({ network, vni, port, up, forwarder, blocked }) => ({
      network,
      vni,
      ifname: portNames.get(port) ?? String(port),
      up,
      df: forwarder ?? null,
      designated: forwarder === vtep,
      blocked,
    })),
    members: members.map(({ address, active, algorithm: asked, preference: own }) => ({
      dst: address,
      active,
      algorithm: algorithmName(asked),
      preference: own ?? null,
    })),
  }
}
