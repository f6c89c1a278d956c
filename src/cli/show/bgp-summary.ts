import type { PeerView, StatusView } from '../../host/views/index.js'
import { columns, type ShowCommand, uptime } from './show-command.js'

const widths = [15, 1, -10, -10, -12, -8]

const isUp = ({ state }: PeerView): boolean => state === 'Established'

function textOf({ routerId, asn }: StatusView, peers: readonly PeerView[]): string {
  const lines = peers.map((peer) =>
    columns(widths, [
      peer.peer,
      4,
      peer.asn,
      uptime(peer.uptimeSeconds),
      isUp(peer) ? peer.received : peer.state,
      peer.sent,
    ]),
  )
  return [
    `BGP router identifier ${routerId}, local AS number ${asn} vrf-id 0`,
    `Peers ${peers.length}`,
    '',
    columns(widths, ['Neighbor', 'V', 'AS', 'Up/Down', 'State/PfxRcd', 'PfxSnt']),
    ...lines,
    '',
    `Total number of neighbors ${peers.length}`,
  ].join('\n')
}

export const bgpSummary: readonly ShowCommand[] = [
  {
    words: 'bgp l2vpn evpn summary',
    summary: 'Peers of the family EVPN.',
    async run(ask) {
      const status = await ask('status')
      const peers = (await ask('peers')).filter(({ families }) => families.includes('evpn'))
      return {
        json: {
          routerId: status.routerId,
          as: status.asn,
          vrfId: 0,
          vrfName: 'default',
          peerCount: peers.length,
          peers: Object.fromEntries(
            peers.map((peer) => [
              peer.peer,
              {
                remoteAs: peer.asn,
                localAs: status.asn,
                version: 4,
                peerUptime: uptime(peer.uptimeSeconds),
                peerUptimeMsec: peer.uptimeSeconds * 1000,
                ...(isUp(peer)
                  ? {
                      peerUptimeEstablishedEpoch:
                        Math.floor(Date.now() / 1000) - peer.uptimeSeconds,
                    }
                  : {}),
                pfxRcd: peer.received,
                pfxSnt: peer.sent,
                state: peer.state,
                peerState: 'OK',
                idType: peer.peer.includes(':') ? 'ipv6' : 'ipv4',
              },
            ]),
          ),
          failedPeers: peers.filter((peer) => !isUp(peer)).length,
          displayedPeers: peers.length,
          totalPeers: peers.length,
        },
        text: textOf(status, peers),
      }
    },
  },
]
