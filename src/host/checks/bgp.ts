// The peers: up, telling and told.

import { type Check, counted, error, found, warning } from './check.js'

const FLAPS = 2
const FLAP_SECONDS = 600

export const bgpChecks: readonly Check[] = [
  {
    code: 'peerDown',
    title: 'Every BGP session is up',
    group: 'bgp',
    hides: ['noRoutes'],
    look({ speaker }) {
      const peers = speaker.peers()
      const down = peers
        .filter(({ state }) => state !== 'Established')
        .map(({ id, address, state, lastError }) => {
          const why = lastError === undefined ? '' : `: ${lastError.text}`
          const fix = `look at the way there (ip route get ${address}; ping ${address}) and at its BGP, then: vtep peer clear ${id}`
          return warning(`peer ${id} is ${state}${why}`, fix, address)
        })
      return found(down, `${counted(peers.length, 'peer')} Established`)
    },
  },
  {
    code: 'familyDisabled',
    title: 'Every family can be read',
    group: 'bgp',
    look({ speaker }) {
      const findings = speaker
        .peers()
        .flatMap(({ id, address, session }) =>
          (session?.families ?? [])
            .filter(({ disabled }) => disabled)
            .map(({ family }) =>
              error(
                `peer ${id} sent routes of family ${family} that can not be told apart: all of them are ignored`,
                `vtep peer clear ${id}`,
                address,
              ),
            ),
        )
      return found(findings, 'none was given up')
    },
  },
  {
    code: 'familyMissing',
    title: 'Peers have agreed on EVPN',
    group: 'bgp',
    hides: ['noRoutes'],
    look({ speaker, effective }) {
      const wanting = new Set(
        effective.config.bgp.neighbors
          .filter(({ families }) => families.includes('evpn'))
          .map(({ address, interface: ifname }) => address ?? ifname),
      )
      const findings = speaker
        .peers()
        .filter(({ id, session }) => session !== undefined && wanting.has(id))
        .filter(({ session }) => !session!.families.some(({ family }) => family === 'evpn'))
        .map(({ id, address }) =>
          error(
            `peer ${id} is up without family evpn: no MAC is told or heard there`,
            'activate l2vpn evpn for us at the peer',
            address,
          ),
        )
      return found(findings, 'all that are asked for it')
    },
  },
  {
    code: 'bfdFlapping',
    title: 'BFD is steady',
    group: 'bgp',
    hides: ['peerDown', 'noRoutes'],
    look(source) {
      const now = Date.now()
      const records = source.speaker.peers().flatMap(({ id, address }) => {
        const record = source.bfdRecord(id)
        return record === undefined ? [] : [{ id, address, ...record }]
      })
      const findings = records.flatMap(({ id, address, state, downs, reason }) => {
        const recent = downs.filter((time) => now - time < FLAP_SECONDS * 1000)
        if (recent.length < FLAPS) return []
        return [
          warning(
            `BFD with ${id} went down ${recent.length} times in ${FLAP_SECONDS / 60} minutes (${reason}), and is ${state} now`,
            `look for loss on the way to ${id} (ping -f, ip -s link), or give it more time: bfd.multiplier of the neighbor`,
            address,
          ),
        ]
      })
      return found(findings, records.length === 0 ? 'not used' : counted(records.length, 'session'))
    },
  },
  {
    code: 'noRoutes',
    title: 'Peers tell EVPN routes',
    group: 'bgp',
    async ask({ source: { speaker } }) {
      const families = speaker.peers().flatMap(({ id, address, session }) => {
        const evpn = session?.families.find(({ family }) => family === 'evpn')
        return evpn === undefined ? [] : [{ id, address, ...evpn }]
      })
      // One that has nothing to tell is no fault while another has.
      const total = families.reduce((sum, { received }) => sum + received, 0)
      const empty = total > 0 ? [] : families.filter(({ endOfRibReceived }) => endOfRibReceived)
      const findings = empty.map(({ id, address }) =>
        warning(
          `peer ${id} has sent all it has, and no EVPN route is among it`,
          'are other VTEPs up? does the peer pass routes on (route-reflector-client, advertise-all-vni), and does its policy let l2vpn evpn out?',
          address,
        ),
      )
      return found(findings, `${counted(total, 'route')} received`)
    },
  },
]
