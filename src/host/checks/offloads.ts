// What devices finish for us: tried by the dataplane on a private pair of interfaces, and watched.

import { offloadFindings } from '../state/offloads.js'
import { type Check, found, warning } from './check.js'

export const offloadChecks: readonly Check[] = [
  {
    code: 'offloadOff',
    title: 'Every offload works',
    group: 'offloads',
    look({ portStates, underlayStates, interfaceName }) {
      const underlays = underlayStates().map(({ ifindex, flags }) => ({
        name: interfaceName(ifindex),
        flags,
      }))
      const ports = portStates()
      const findings = offloadFindings(ports, underlays).map(({ evidence, fix }) =>
        warning(evidence, fix),
      )
      return found(
        findings,
        `self-tests and watch are content with ${ports.length} ports and ${underlays.length} underlay interfaces`,
      )
    },
  },
]
