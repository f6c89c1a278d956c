// A host that is only idle is asked and stays; one that does not answer any more is withdrawn when its time is over.

import { test } from 'tap'
import { counted, missing, sleep, startVtep, until, wire } from '../lab/index.js'
import { ipOf, leaf, macOf, tenantOptions } from './support.js'

const skip = missing('tcpdump', 'arping')

test('idle and dead hosts', { skip }, async (t) => {
  const { hosts } = await wire(t)
  const h1 = hosts[0]!
  const quiet = await h1.tenant('vm1', tenantOptions(1))
  // Nothing that it would say by itself.
  await quiet.sysctl({ 'net.ipv6.conf.eth0.router_solicitations': 0 })
  const vtep = await startVtep(h1, leaf(h1, { ports: ['vm1'], more: { agingSeconds: 10 } }))
  const ips = [ipOf(1), '2001:db8:100::1']
  await quiet.announce(ipOf(1))
  await quiet.attempt(['ping', '-6', '-c', '1', '-W', '1', '2001:db8:100::99'])
  const known = async () => (await vtep.macs()).find(({ mac }) => mac === macOf(1))?.ips ?? []
  const hasBoth = async () => {
    const now = await known()
    if (!ips.every((ip) => now.includes(ip))) throw new Error(JSON.stringify(now))
    return true
  }
  await until('both addresses are known', hasBoth)

  await t.test('idle', async (t) => {
    const asked = await counted(
      quiet,
      'eth0',
      'arp or icmp6[icmp6type] == icmp6-neighborsolicit',
      async () => {
        for (let second = 0; second < 15; second++) {
          await sleep(1)
          const now = await known()
          t.ok(
            ips.every((ip) => now.includes(ip)),
            `after ${second + 1} s: ${now}`,
          )
        }
      },
    )
    t.ok(asked.length >= 4, `${asked.length} questions and answers`)
    t.notOk(
      asked.some((line) => line.includes('Broadcast')),
      'asked of nobody else',
    )
    const routes = (await vtep.routes('--type', '2')).map((row) => row['ip'])
    t.ok(ips.every((ip) => routes.includes(ip)))
  })

  await t.test('another address', async (t) => {
    // Without a word, as it is: the new one is heard when it is used.
    await quiet.sysctl({ 'net.ipv4.conf.eth0.arp_notify': 0 })
    await quiet.ip(`addr del ${ipOf(1)}/24 dev eth0`, `addr add ${ipOf(7)}/24 dev eth0`)
    await quiet.announce(ipOf(7))
    await until(
      'the old one was asked for in vain',
      async () => {
        const now = await known()
        if (now.includes(ipOf(1)) || !now.includes(ipOf(7))) throw new Error(JSON.stringify(now))
        return true
      },
      { seconds: 25 },
    )
    t.ok((await known()).includes(ips[1]!), 'and nothing else went')
    const routes = (await vtep.routes('--type', '2')).map((row) => row['ip'])
    t.notOk(routes.includes(ipOf(1)), 'withdrawn')
    t.ok(routes.includes(ipOf(7)))
  })

  await t.test('dead', async (t) => {
    await quiet.sysctl({ 'net.ipv4.conf.all.arp_ignore': 8 })
    await quiet.exec(['ip', '-6', 'addr', 'flush', 'dev', 'eth0'])
    await vtep.forgot(macOf(1), 25)
    t.same(await vtep.routes('--type', '2'), [], 'withdrawn')
  })
})
