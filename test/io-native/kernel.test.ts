// Against the kernel's own VXLAN on a virtual wire, where neither side's kernel finishes checksums or cuts super-frames.

import t from 'tap'
import { missing, reaches, routedFabric, tcp } from '../lab/index.js'
import { addTenant, startHost, vni } from './overlay.js'

t.setTimeout(120_000)

for (const uplink of ['udp', 'raw']) {
  t.test(
    `kernel VXLAN to ${uplink}`,
    { skip: missing('fping', 'iperf3'), timeout: 60_000 },
    async (t) => {
      const fabric = await routedFabric(t)
      const [h1, h2] = [fabric.hosts[0]!, fabric.hosts[1]!]
      const kernel = await h1.kernelVtep(vni)
      const x = await h1.tenant('x', { ip4: '10.1.0.1/24', bridge: kernel.bridge })
      await kernel.addRemote(h2.vtep4)
      const b = await startHost(t, h2, { uplink })
      await b.dataplane.apply([{ op: 'floodAdd', vni, remote: h1.vtep4 }])
      for (const [i, kind] of (['netdev', 'tap'] as const).entries()) {
        const ip = `10.1.0.${2 + i}`
        const y = await addTenant(b, `y${i}`, kind, `${ip}/24`)
        await reaches(x, ip)
        for (const reverse of [false, true]) {
          const { bitsPerSecond } = await tcp(x, y.tenant, ip, { reverse })
          t.ok(
            bitsPerSecond > 50e6,
            `${kind}, TCP ${reverse ? 'from' : 'to'} us: ${Math.round(bitsPerSecond / 1e6)} Mb/s`,
          )
        }
      }
      await fabric.lab.close()
    },
  )
}
