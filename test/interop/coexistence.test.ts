// A host that has FRR, or the kernel's VXLAN, already: what is taken is named, with the command that frees it, and after
// that command the same configuration starts.

import { test } from 'tap'
import {
  type Host,
  missing,
  startFrr,
  startVtep,
  until,
  Vtep,
  type VtepConfig,
  wire,
} from '../lab/index.js'
import { leaf, vni } from './support.js'

let starts = 0

/** The lines of a start that is refused. */
async function refusal(host: Host, config: VtepConfig): Promise<string> {
  const vtep = new Vtep(host, `refused${++starts}`)
  vtep.configure(config)
  const service = vtep.launch()
  await service.ended()
  return service.log()
}

/** Carries out what a refusal says behind "remove it: " or "first: ". */
async function obey(host: Host, text: string): Promise<void> {
  const command = /(?:remove it|first): ([^(\n]+)/.exec(text)?.[1]?.trim()
  if (command === undefined) throw new Error(`no command in: ${text}`)
  await host.exec(['sh', '-c', command])
}

test('FRR has the BGP port, then the session', { skip: missing('bgpd', 'vtysh') }, async (t) => {
  const { hosts } = await wire(t)
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  await startVtep(
    h2,
    leaf(h2, { asn: 65002, peers: [{ address: h1.vtep4, asn: 65001, passive: true }] }),
  )
  const frr = await startFrr(h1, { asn: 65001, peers: [{ address: h2.vtep4, asn: 65002 }] })
  await frr.established(h2.vtep4)

  const config = leaf(h1, { asn: 65001, peers: [{ address: h2.vtep4, asn: 65002 }] })
  const port = await refusal(h1, leaf(h1, { asn: 65001 }))
  t.match(
    port,
    /TCP 0\.0\.0\.0:179: the port is held by bgpd \(pid \d+\); end it: systemctl disable --now frr/,
  )

  const quiet = { ...config, bgp: { neighbors: config.bgp!.neighbors! } }
  const session = await refusal(h1, quiet)
  t.match(
    session,
    /bgp\.neighbors\[0\]: 10\.255\.0\.2 has a BGP session with this host already, by bgpd \(pid \d+\); end it: systemctl disable --now frr \(`vtep import` writes/,
  )
  await frr.established(h2.vtep4)
  t.pass('the session went on')

  await frr.killBgpd()
  const vtep = await startVtep(h1, config)
  await vtep.established(h2.vtep4)
})

test("the kernel's VXLAN has the UDP port, or the VNI on another one", {
  skip: missing(),
}, async (t) => {
  const { hosts } = await wire(t)
  const h1 = hosts[0]!
  const config = leaf(h1, {})
  await h1.kernelVtep(20200)
  const port = await refusal(h1, config)
  t.match(
    port,
    /UDP port 4789 .*the kernel's VXLAN device vxlan20200; remove it: ip link del vxlan20200/,
  )
  await obey(h1, port)

  await h1.ip(
    `link add other type vxlan id ${vni} local ${h1.vtep4} dstport 8472`,
    'link add br0 type bridge',
    'link set other master br0 up',
  )
  const same = await refusal(h1, config)
  t.match(
    same,
    `network blue: the kernel's VXLAN device other in br0 has VNI ${vni}; remove it: ip link del other`,
  )
  await obey(h1, same)

  await h1.ip(
    `link add vxlan_sys_4789 type vxlan external dstport 4789`,
    'link set vxlan_sys_4789 up',
  )
  const ovs = await refusal(h1, config)
  t.match(
    ovs,
    /VXLAN device vxlan_sys_4789; remove it: for port in \$\(ovs-vsctl .*del-port \$port; done/,
  )
  await h1.ip('link del vxlan_sys_4789')

  await h1.tenant('vm1', { bridge: 'br0' })
  const taken = leaf(h1, { ports: ['vm1'] })
  const bridged = await refusal(h1, taken)
  t.match(
    bridged,
    /port vm1 .*it is a port of bridge br0.*take it out first: ip link set vm1 nomaster/,
  )
  await obey(h1, bridged)
  const vtep = await startVtep(h1, taken)
  await until('the port is open', async () => {
    const ports = await vtep.read<{ state: string }[]>('ports')
    return ports.every(({ state }) => state === 'up')
  })
  await h1.ip(
    'link add other type vxlan id 20200 dstport 8472 local 127.0.0.1',
    'link set other up',
  )
  vtep.configure({ ...taken, networks: [...taken.networks!, { name: 'red', vni: 20200 }] })
  const reloaded = await vtep.cli('reload')
  t.equal(reloaded.code, 1)
  t.match(reloaded.stderr, /network red: the kernel's VXLAN device other has VNI 20200/)
})
