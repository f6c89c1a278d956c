// Whether there is a network for it here, and something that forwards.

import { counted, type Link, ok } from '../link.js'

export const network: Link = {
  name: 'network',
  look({ source, network: ours, vni, image, address }) {
    if (source.uplink === undefined) {
      return {
        status: 'broken',
        code: 'dataplaneDown',
        text: 'no dataplane runs: nothing is forwarded',
        evidence: { restarts: source.dataplaneRestarts },
        fix: 'journalctl -u vtep-dataplane -u vtep says why it ended',
      }
    }
    if (ours === undefined || vni === undefined) {
      const known = source.effective.config.networks.map(({ name }) => name)
      const text = `no network here is known to have ${address}`
      return { status: 'unknown', text, evidence: { networks: known } }
    }
    const floods = image?.floods.size ?? 0
    const text = `${ours.name}, VNI ${vni}: ${counted(ours.ports.length, 'port')}, ${counted(floods, 'VTEP')}`
    return ok(text, { name: ours.name, vni, ports: ours.ports.length, vteps: floods })
  },
}
