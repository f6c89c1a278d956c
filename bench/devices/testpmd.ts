// DPDK's testpmd, forwarding as it is: what a polling framework reaches on one host's two interfaces, without a tunnel and without
// looking at frames.

import { type Device, tenantOf } from './device.js'
import { dpdkPrefix } from './dpdk.js'

const testpmd = (driver: string, vdev: string): Device => ({
  name: `testpmd ${driver}`,
  summary: `DPDK's testpmd, io forwarding by net_${driver}, one core, huge pages: raw forwarding, no tunnel`,
  kind: 'limit',
  programs: ['dpdk-testpmd'],
  tunnel: false,
  worksApart: true,
  oneHost: true,
  hugePages: 1024,
  async attach({ host, n }) {
    const tenant = await host.tenant('port0', tenantOf(n))
    await host.ip('addr flush dev eth0')
    const program = host.start('testpmd', [
      ...['dpdk-testpmd', '-l', '0,1', '--no-pci', '--iova-mode=va', '--in-memory'],
      `--file-prefix=${dpdkPrefix(host)}`,
      ...['--vdev', `${vdev}0,iface=port0`, '--vdev', `${vdev}1,iface=eth0`, '--'],
      ...['--forward-mode=io', '--auto-start', '--nb-cores=1', '--total-num-mbufs=16384'],
      // With a period it does not wait for a key on standard input, which is closed.
      '--stats-period=60',
    ])
    await program.said('Port statistics', { seconds: 15 })
    return tenant
  },
})

export const testpmdAfXdp = testpmd('af_xdp', 'net_af_xdp')
export const testpmdAfPacket = testpmd('af_packet', 'net_af_packet')
