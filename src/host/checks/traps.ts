// What is known to go wrong with kernels and drivers of underlay interfaces.

import { release } from 'node:os'
import { type Around, type Finding, found, type Outcome, warning } from './check.js'
import { underlayNames } from './underlay.js'

interface Place {
  readonly ifname: string
  readonly driver: string
  /** Uplink kind in use. */
  readonly uplink: string
  /** "5.10" as 5010. */
  readonly kernel: number
  ethtool(...words: readonly string[]): Promise<string | undefined>
}

/** A trap is one row: undefined where it is not in the way. */
const rows: readonly ((place: Place) => Promise<Finding | undefined>)[] = [
  /** ixgbe and i40e come that way: every VXLAN packet between two VTEPs lands on one queue (Cumulus KB 202862933). */
  async function hashesByAddressAlone({ ifname, ethtool }) {
    const text = await ethtool('-n', ifname, 'rx-flow-hash', 'udp4')
    if (text === undefined || !/IP SA/.test(text) || /src port|L4 bytes/i.test(text))
      return undefined
    return warning(
      `${ifname} spreads UDP by addresses alone: all that comes from one VTEP lands on one queue`,
      `ethtool -N ${ifname} rx-flow-hash udp4 sdfn`,
    )
  },
  /** Zero copy has taken kernels down at load (intel/ethernet-linux-ice#59, #62). */
  async function iceZeroCopy({ ifname, driver, uplink }) {
    if (driver !== 'ice' || uplink !== 'af_xdp') return undefined
    return warning(
      `${ifname} is driven by ice, whose AF_XDP zero copy has ended in kernel panics under load`,
      'vtep.options.mode: native (copies), or uplink: raw',
    )
  },
  /** Before, a socket in interrupt mode is freed twice (dataplane notes of VPP). */
  async function oldKernel({ uplink, kernel }) {
    if (uplink !== 'af_xdp' || kernel >= 5006) return undefined
    return warning(
      `kernel ${release()} has known faults in AF_XDP; 5.6 and newer have not`,
      'a newer kernel, or uplink: raw',
    )
  },
]

export async function traps({ source, machine }: Around): Promise<Outcome> {
  const uplink = source.uplink?.kind ?? ''
  const [major = 0, minor = 0] = release().split('.').map(Number)
  const names = [...underlayNames(source)]
  const places = await Promise.all(
    names.map(async (ifname): Promise<Place> => {
      const info = (await machine.ethtool('-i', ifname)) ?? ''
      const driver = /^driver: (\S+)/m.exec(info)?.[1] ?? ''
      const { ethtool } = machine
      return { ifname, driver, uplink, kernel: major * 1000 + minor, ethtool }
    }),
  )
  const findings: Finding[] = []
  for (const place of places) {
    for (const row of rows) {
      const finding = await row(place)
      if (finding !== undefined) findings.push(finding)
    }
  }
  const known = places.map(
    ({ ifname, driver }) => `${ifname}: ${driver || 'driver not to be seen'}`,
  )
  return found(findings, [`kernel ${release()}`, ...known].join(', '))
}
