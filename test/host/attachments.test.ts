// What platforms ask of a daemon: ports into the network of a VNI, holds, hosts behind a port; as often as they like.

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Daemon, freePort } from './daemon.js'

t.setTimeout(100_000)

interface NetworkRow {
  readonly name: string
  readonly vni: number
  readonly ports: readonly string[]
}
interface MacRow {
  readonly mac: string
  readonly ips: readonly string[]
  readonly ifname: string | null
}

const config = {
  asn: 65000,
  vtep: { address: '127.0.0.1', uplink: 'udp', udpPort: freePort() },
  networks: [{ name: 'blue', vni: 10100, ports: [{ name: 'r1', kind: 'ring' }] }],
}
const daemon = new Daemon(t, config)
await daemon.start()

const attach = (body: object) => daemon.http('POST', '/v1/attachments', { kind: 'ring', ...body })
const detach = (name: string) => daemon.http('DELETE', `/v1/attachments/${name}`)
const networks = async (): Promise<Record<number, NetworkRow>> =>
  Object.fromEntries((await daemon.get<NetworkRow[]>('networks')).map((row) => [row.vni, row]))
const macs = async (): Promise<MacRow[]> => daemon.get<MacRow[]>('macs')

t.test('a network comes with its first port and goes with its last', async (t) => {
  const { status, json } = await attach({ vni: 10200, name: 'a' })
  t.equal(status, 201)
  t.same(json, { ifname: 'a', vni: 10200, vtep: '127.0.0.1' })
  t.match((await networks())[10200], { name: 'vni10200', ports: ['a'] })
  await attach({ vni: 10200, name: 'b' })
  t.equal((await attach({ vni: 10200, name: 'b' })).status, 201, 'the same again')
  t.same((await networks())[10200]?.ports, ['a', 'b'])
  t.same((await detach('a')).json, { detached: 'a' })
  t.same((await networks())[10200]?.ports, ['b'])
  await detach('b')
  t.equal((await networks())[10200], undefined)
  t.same((await detach('b')).json, { detached: null }, 'not there: no error')
})

t.test('a network of the configuration is used, and stays', async (t) => {
  await attach({ vni: 10100, name: 'a' })
  t.match((await networks())[10100], { name: 'blue', ports: ['r1', 'a'] })
  await attach({ network: 'blue', name: 'b' })
  t.same((await networks())[10100]?.ports, ['r1', 'a', 'b'])
  await detach('a')
  await detach('b')
  t.match((await networks())[10100], { name: 'blue', ports: ['r1'] })
  t.equal((await attach({ vni: 10100, name: 'r1' })).status, 201, 'the configuration has it there')
  t.equal((await attach({ vni: 10200, name: 'r1' })).status, 409, 'and not elsewhere')
  t.same((await detach('r1')).json, { detached: null })
  t.same((await networks())[10100]?.ports, ['r1'])
})

t.test('a port goes to another network, and gets another host', async (t) => {
  await attach({ vni: 10200, name: 'a', mac: '02:00:00:00:00:01' })
  await attach({ vni: 10300, name: 'a', mac: '02:00:00:00:00:02' })
  t.equal((await networks())[10200], undefined)
  t.same((await networks())[10300]?.ports, ['a'])
  t.match(await macs(), [{ mac: '02:00:00:00:00:02', ifname: 'a' }])
  await detach('a')
})

t.test('a hold keeps a network, under a name of its own', async (t) => {
  const hold = { name: 'docker-1', vni: 10200 }
  for (const _ of [1, 2]) t.equal((await daemon.http('POST', '/v1/holds', hold)).status, 201)
  t.equal((await daemon.http('POST', '/v1/holds', { ...hold, vni: 10300 })).status, 409)
  t.same((await networks())[10200]?.ports, [])
  await attach({ network: 'docker-1', name: 'a' })
  await detach('a')
  t.same((await networks())[10200]?.ports, [])
  t.same((await daemon.http('DELETE', '/v1/holds/docker-1')).json, { released: 'docker-1' })
  t.same((await daemon.http('DELETE', '/v1/holds/docker-1')).json, { released: null })
  t.equal((await networks())[10200], undefined)
})

t.test('hosts behind a port', async (t) => {
  await attach({ vni: 10200, name: 'a' })
  const add = (mac: string, ip: readonly string[], port = 'a') =>
    daemon.http('POST', `/v1/ports/${port}/hosts`, { mac, ip })
  const mac = '02:00:00:00:00:0a'
  t.same((await add('02-00-00-00-00-0A', ['10.1.0.1'])).json, { port: 'a', mac, ip: ['10.1.0.1'] })
  await add(mac, ['2001:db8::1'])
  await add('02:00:00:00:00:0b', [])
  t.match(await macs(), [
    { mac, ips: ['10.1.0.1', '2001:db8::1'], ifname: 'a' },
    { mac: '02:00:00:00:00:0b', ips: [], ifname: 'a' },
  ])
  t.equal((await add(mac, [], 'nobody')).status, 404)
  t.equal((await add('01:00:00:00:00:01', [])).status, 400, 'a group')
  const remove = () => daemon.http('DELETE', `/v1/ports/a/hosts/${mac}`)
  t.same((await remove()).json, { removed: mac })
  t.same((await remove()).json, { removed: null })
  t.match(await macs(), [{ mac: '02:00:00:00:00:0b' }])
  await detach('a')
  t.same(await macs(), [])
})

t.test('the same by command', async (t) => {
  const done = async (...words: readonly string[]): Promise<void> => {
    const { code, stderr } = await daemon.cli(...words)
    t.same([code, stderr], [0, ''], words.join(' '))
  }
  await done('network', 'hold', 'held', '--vni', '10200')
  await done('attach', 'a', '--network', 'held', '--kind', 'ring')
  await done('host', 'add', 'a', '02:00:00:00:00:0a', '--ip', '10.1.0.1,10.1.0.2')
  t.match(await macs(), [{ mac: '02:00:00:00:00:0a', ips: ['10.1.0.1', '10.1.0.2'], ifname: 'a' }])
  await done('host', 'remove', 'a', '02:00:00:00:00:0a')
  await done('detach', 'a')
  await done('network', 'release', 'held')
  t.same(Object.keys(await networks()), ['10100'])
})

t.test('what is refused changes nothing', async (t) => {
  const before = await networks()
  t.equal((await attach({ name: 'a' })).status, 400)
  t.equal((await attach({ name: 'a', vni: 10200, network: 'blue' })).status, 400)
  t.equal((await attach({ name: 'a', network: 'nobody' })).status, 404)
  t.equal((await attach({ name: 'a', vni: 0 })).status, 400)
  t.equal((await attach({ name: 'a', vni: 10200, kind: 'rinq' })).status, 400)
  const missing = await attach({ name: 'a', vni: 10200, kind: 'netdev' })
  t.equal(missing.status, 500, missing.text)
  t.same(await networks(), before)
})

t.test('all of it survives a restart; the verbs that remove by name know it, too', async (t) => {
  await attach({ vni: 10200, name: 'a' })
  await attach({ vni: 10300, name: 'b' })
  await daemon.http('POST', '/v1/ports/a/hosts', { mac: '02:00:00:00:00:0a', ip: ['10.1.0.1'] })
  await daemon.http('POST', '/v1/holds', { name: 'held', vni: 10400 })
  await daemon.stop()
  await daemon.start()
  t.same(Object.keys(await networks()), ['10100', '10200', '10300', '10400'])
  t.match(await macs(), [{ mac: '02:00:00:00:00:0a', ips: ['10.1.0.1'], ifname: 'a' }])
  t.equal((await daemon.http('DELETE', '/v1/ports/a')).status, 200)
  t.equal((await daemon.http('DELETE', '/v1/networks/vni10300')).status, 200)
  t.equal((await daemon.http('DELETE', '/v1/networks/vni10400')).status, 200)
  t.same(Object.keys(await networks()), ['10100'])
})

t.test('after a reboot platforms attach anew; what is held is held', async (t) => {
  await attach({ vni: 10200, name: 'a' })
  await daemon.http('POST', '/v1/ports/a/hosts', { mac: '02:00:00:00:00:0a', ip: ['10.1.0.1'] })
  await daemon.http('POST', '/v1/holds', { name: 'held', vni: 10400 })
  await daemon.stop()
  rmSync(join(daemon.runtimeDir, 'attachments.json'))
  await daemon.start()
  t.same(Object.keys(await networks()), ['10100', '10400'])
  t.same(await macs(), [])
  await daemon.http('DELETE', '/v1/holds/held')
})

t.test('the file may name a network later that platforms use by its VNI', async (t) => {
  await attach({ vni: 10200, name: 'a' })
  daemon.configure({ ...config, networks: [...config.networks, { name: 'red', vni: 10200 }] })
  t.equal((await daemon.http('POST', '/v1/reload')).status, 201)
  t.match((await networks())[10200], { name: 'red', ports: ['a'] })
  await detach('a')
  t.match((await networks())[10200], { name: 'red', ports: [] })
})
