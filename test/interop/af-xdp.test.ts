// Daemons whose ports and uplink take frames by AF_XDP on an interface that the host goes on using: BGP runs over it, and so does TCP between
// the hosts themselves. What sits there already is left alone, and nothing stays behind, however the daemon ends.

import { test } from 'tap'
import {
  missing,
  type Namespace,
  reaches,
  startVtep,
  type Tenant,
  tcp,
  until,
  type Vtep,
  wire,
} from '../lab/index.js'
import { ipOf, leaf, tenantOptions } from './support.js'

const skip = missing('iperf3')

interface PortRow {
  readonly ifname: string
  readonly text: string
}

const link = (where: Namespace, ifname: string): Promise<string> =>
  where.exec(['ip', '-d', 'link', 'show', ifname])
const hasProgram = async (where: Namespace, ifname: string): Promise<boolean> =>
  (await link(where, ifname)).includes('prog/xdp')

test('af_xdp beside the host, and gone with kill -9', { skip }, async (t) => {
  const { hosts } = await wire(t)
  const tenants: Tenant[] = []
  const daemons: Vtep[] = []
  for (const [index, host] of hosts.entries()) {
    tenants.push(await host.tenant('port0', tenantOptions(index + 1)))
    const config = leaf(host, {
      uplink: 'af_xdp',
      peers: [{ address: hosts[1 - index]!.vtep4, asn: 65000 }],
      ports: [{ name: 'port0', kind: 'af_xdp' }],
    })
    // One of them as an interface would have it whose driver knows no XDP.
    const options = index === 0 ? {} : { mode: 'generic', busyPoll: true }
    daemons.push(await startVtep(host, { ...config, vtep: { ...config.vtep, options } }))
  }
  const [vm1, vm2] = [tenants[0]!, tenants[1]!]
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  for (const daemon of daemons) await daemon.established()
  await reaches(vm1, ipOf(2))
  const overlay = await tcp(vm1, vm2, ipOf(2))
  t.ok(overlay.bitsPerSecond > 50e6, `tenants: ${Math.round(overlay.bitsPerSecond / 1e6)} Mbit/s`)
  const beside = await tcp(h1, h2, h2.vtep4)
  t.ok(beside.bitsPerSecond > 50e6, `hosts: ${Math.round(beside.bitsPerSecond / 1e6)} Mbit/s`)

  const ports = await daemons[0]!.read<PortRow[]>('ports')
  t.same(
    ports.map(({ ifname, text }) => [ifname, text]),
    [['port0', 'native XDP, copied']],
  )
  t.match(await link(h1, 'eth0'), /xdp(?!generic)/, 'native, as chosen')
  t.match(await link(h2, 'eth0'), 'xdpgeneric', 'generic, as configured')
  // The daemon's second process, by what its command line says.
  const { runtimeDir, service } = daemons[0]!
  const dataplane = (await h1.exec(['pgrep', '-f', runtimeDir]))
    .split('\n')
    .map(Number)
    .find((pid) => pid > 0 && pid !== service.pid)
  process.kill(dataplane!, 'SIGKILL')
  await until('the programs are gone', async () => {
    return !(await hasProgram(h1, 'eth0')) && !(await hasProgram(h1, 'port0'))
  })
  await reaches(vm1, ipOf(2), 20)
  t.pass('a new dataplane takes the same queues')
})
