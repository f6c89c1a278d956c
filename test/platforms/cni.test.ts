// The CNI plugin as a runtime executes it: environment, JSON on standard input, JSON on standard output; addresses by the
// reference plugins of Debian.

import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { missing, type Namespace, type RouteRow, reaches, until, type Vtep } from '../lab/index.js'
import { program, startPair, vni } from './support.js'

const reference = '/usr/lib/cni'
const skip =
  missing() ||
  (existsSync(join(reference, 'host-local'))
    ? false
    : 'not installed: /usr/lib/cni/host-local (npm run setup -- test)')

type Json = Readonly<Record<string, unknown>>

interface Answer {
  readonly code: number | null
  readonly json: Json
}

interface Attachment {
  readonly container: string
  readonly netns?: string
  readonly ifname?: string
}

/** A runtime on the host of a daemon, with one network. */
class Runtime {
  readonly vtep: Vtep
  readonly config: Json

  /** `n`: of the host. */
  constructor(vtep: Vtep, n: number) {
    const dataDir = join(vtep.host.directory, 'ipam')
    const range = { subnet: '10.1.0.0/24', rangeStart: `10.1.0.${n}0`, rangeEnd: `10.1.0.${n}1` }
    const range6 = { subnet: 'fd01::/64', rangeStart: `fd01::${n}0`, rangeEnd: `fd01::${n}1` }
    const routes = [{ dst: '0.0.0.0/0' }, { dst: '192.0.2.0/24', gw: '10.1.0.9' }]
    const ipam = { type: 'host-local', dataDir, ranges: [[range], [range6]], routes }
    this.vtep = vtep
    this.config = { cniVersion: '1.1.0', name: 'blue', type: 'vtep-cni', vni, ipam }
  }

  async run(command: string, at: Attachment | undefined, more: Json = {}): Promise<Answer> {
    const { container = '', netns = '', ifname = 'eth0' } = at ?? {}
    const config = { runtimeDir: this.vtep.runtimeDir, ...this.config, ...more }
    const { code, stdout } = await this.vtep.host.attempt([program('build/Release/vtep-cni')], {
      input: JSON.stringify(config),
      env: {
        CNI_COMMAND: command,
        CNI_CONTAINERID: container,
        CNI_NETNS: netns,
        CNI_IFNAME: at === undefined ? '' : ifname,
        CNI_PATH: `/nowhere:${reference}`,
      },
    })
    return { code, json: stdout === '' ? {} : (JSON.parse(stdout) as Json) }
  }

  /** Names of the addresses that are handed out. */
  reserved(): string[] {
    const folder = join(this.vtep.host.directory, 'ipam', String(this.config['name']))
    if (!existsSync(folder)) return []
    return readdirSync(folder).filter((name) => /^[0-9a-f.:]+$/.test(name))
  }

  ports(): Promise<{ ifname: string; vni: number }[]> {
    return this.vtep.request('GET', '/v1/ports')
  }
}

const container = (of: Namespace, ifname = 'eth0'): Attachment => ({
  container: `id-${of.name}`,
  netns: `/run/netns/${of.netns}`,
  ifname,
})

interface Link {
  readonly address: string
  readonly mtu: number
}

async function link(of: Namespace, ifname: string): Promise<Link | undefined> {
  const { code, stdout } = await of.attempt(['ip', '-j', 'link', 'show', ifname])
  return code === 0 ? (JSON.parse(stdout) as Link[])[0] : undefined
}

const failed = (t: Test, { code, json }: Answer, expected: number, text: RegExp): void => {
  t.equal(code, 1)
  t.match(json, { code: expected, msg: text })
}

test('containers on two hosts', { skip, timeout: 100_000 }, async (t) => {
  const { hosts, vteps } = await startPair(t)
  const [h1] = hosts
  const [one, two] = [new Runtime(vteps[0], 1), new Runtime(vteps[1], 2)]
  const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((name) => h1.lab.namespace(name)))

  await t.test('VERSION and STATUS', async (t) => {
    const { code, json } = await one.run('VERSION', undefined)
    const supportedVersions = ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0']
    t.same([code, json], [0, { cniVersion: '1.1.0', supportedVersions }])
    t.same(await one.run('STATUS', undefined), { code: 0, json: {} })
  })

  await t.test(
    'ADD: an interface with addresses and routes, known everywhere at once',
    async (t) => {
      const { code, json } = await one.run('ADD', container(a!))
      t.equal(code, 0, JSON.stringify(json))
      const seen = await link(a!, 'eth0')
      t.match(json, {
        cniVersion: '1.1.0',
        interfaces: [{ name: 'eth0', mac: seen?.address, mtu: 1500, sandbox: container(a!).netns }],
        ips: [
          { interface: 0, address: '10.1.0.10/24', gateway: '10.1.0.1' },
          { interface: 0, address: 'fd01::10/64', gateway: 'fd01::1' },
        ],
        routes: [{ dst: '0.0.0.0/0' }, { dst: '192.0.2.0/24', gw: '10.1.0.9' }],
      })
      t.match(await one.ports(), [{ vni, state: 'up', kind: 'netdev' }])
      const routes = await a!.exec(['ip', 'route'])
      t.match(routes, 'default via 10.1.0.1 dev eth0')
      t.match(routes, '192.0.2.0/24 via 10.1.0.9 dev eth0')
      t.equal((await two.run('ADD', container(b!))).code, 0)
      // Before either of them has said a word.
      await until('its route is at the other host', async () => {
        const rows = await vteps[1].request<RouteRow[]>('GET', '/v1/routes?type=2')
        return rows.some((row) => row['mac'] === seen?.address && row['ip'] === '10.1.0.10')
      })
      await reaches(a!, '10.1.0.20')
      await reaches(b!, 'fd01::10')
    },
  )

  await t.test('a secondary network, as Multus adds it: no addresses of its own', async (t) => {
    const more = { name: 'red', vni: 10200, ipam: {}, mtu: 1400 }
    const macs = ['02:00:00:00:02:01', '02:00:00:00:02:02']
    for (const [i, runtime] of [one, two].entries()) {
      const at = container([a!, b!][i]!, 'net1')
      const runtimeConfig = { mac: macs[i] }
      const { code, json } = await runtime.run('ADD', at, { ...more, runtimeConfig })
      t.equal(code, 0, JSON.stringify(json))
      t.match(json, { interfaces: [{ name: 'net1', mac: macs[i] }], ips: [] })
      await [a!, b!][i]!.ip(`addr add 10.2.0.${i + 1}/24 dev net1`)
    }
    t.match(await link(a!, 'net1'), { address: macs[0], mtu: 1400 })
    await reaches(a!, '10.2.0.2')
    t.equal((await one.run('DEL', container(a!, 'net1'), more)).code, 0)
    t.equal(await link(a!, 'net1'), undefined)
    t.ok(await link(a!, 'eth0'), 'the other interface stays')
    await reaches(a!, '10.1.0.20')
  })

  await t.test('CHECK finds what is not as ADD has left it', async (t) => {
    const { json: prevResult } = await one.run('ADD', container(c!))
    const check = () => one.run('CHECK', container(c!), { prevResult })
    t.same(await check(), { code: 0, json: {} })
    failed(t, await one.run('CHECK', container(c!)), 7, /prevResult/)
    await c!.ip('link set eth0 down')
    failed(t, await check(), 101, /expected it up, is down/)
    await c!.ip('link set eth0 up', 'addr del 10.1.0.11/24 dev eth0')
    failed(t, await check(), 101, /expected address 10.1.0.11\/24/)
    await c!.ip('addr add 10.1.0.11/24 dev eth0', 'addr add fd01::11/64 dev eth0')
    t.same(await check(), { code: 0, json: {} })
    const [port] = (await one.ports()).slice(-1)
    await vteps[0].request('DELETE', `/v1/attachments/${port!.ifname}`)
    failed(t, await check(), 101, /port .* is not there/)
    await c!.ip('link del eth0')
    failed(t, await check(), 101, /is not in the container/)
  })

  await t.test('DEL, once more, and without the container', async (t) => {
    t.same(one.reserved().toSorted(), ['10.1.0.10', '10.1.0.11', 'fd01::10', 'fd01::11'])
    for (const at of [container(c!), container(c!), { container: 'id-c' }])
      t.same(await one.run('DEL', at), { code: 0, json: {} })
    t.same(one.reserved().toSorted(), ['10.1.0.10', 'fd01::10'])
    t.equal((await one.ports()).length, 1)
    const links = await h1.exec(['ip', '-br', 'link'])
    t.equal(links.split('\n').filter((line) => line.startsWith('vk')).length, 1)
  })

  await t.test('ADD that fails leaves nothing', async (t) => {
    const at = container(c!)
    failed(t, await one.run('ADD', at, { vni: 0 }), 7, /vni: expected 1 to 16777215, got 0/)
    failed(
      t,
      await one.run('ADD', at, { ipam: { type: 'none-such' } }),
      7,
      /on CNI_PATH, found none/,
    )
    failed(t, await one.run('ADD', { ...at, netns: '/run/netns/none-such' }), 3, /does not exist/)
    failed(t, await one.run('ADD', at, { cniVersion: '2.0.0' }), 1, /cniVersion/)
    failed(t, await one.run('ADD', { ...at, container: '' }), 4, /CNI_CONTAINERID/)
    failed(t, await one.run('ADD', { ...at, ifname: 'a/b' }), 4, /CNI_IFNAME/)
    failed(t, await one.run('EAT', at), 4, /CNI_COMMAND/)
    const gateway = { runtimeConfig: { mac: '01:00:00:00:00:00' } }
    failed(t, await one.run('ADD', at, gateway), 7, /mac: expected a unicast/)
    // The address plugin has none left: 10.1.0.11 alone is free.
    t.equal((await one.run('ADD', at)).code, 0)
    const full = await one.run('ADD', { ...at, ifname: 'eth1' })
    t.equal(full.code, 1)
    t.match(full.json, { msg: /ipam host-local: .*no IP addresses available/ })
    t.equal(await link(c!, 'eth1'), undefined)
    t.equal((await one.ports()).length, 2)
  })

  await t.test('GC ends what the runtime does not know, in this network', async (t) => {
    const other = { name: 'red', vni: 10200, ipam: {} }
    t.equal((await one.run('ADD', container(c!, 'net1'), other)).code, 0)
    const valid = [{ containerID: 'id-a', ifname: 'eth0' }]
    const { code } = await one.run('GC', undefined, { 'cni.dev/valid-attachments': valid })
    t.equal(code, 0)
    t.equal((await one.ports()).length, 2)
    t.equal(await link(c!, 'eth0'), undefined)
    t.ok(await link(c!, 'net1'))
    t.ok(await link(a!, 'eth0'))
    await reaches(a!, '10.1.0.20')
  })

  await t.test('older versions in their own form', async (t) => {
    await one.run('DEL', container(c!))
    for (const cniVersion of ['0.4.0', '1.0.0']) {
      const { json } = await one.run('ADD', container(c!), { cniVersion })
      const is4 = cniVersion === '0.4.0'
      t.match(json, { cniVersion, ips: [{ interface: 0, address: '10.1.0.11/24' }] })
      t.equal((json['ips'] as Json[])[0]!['version'], is4 ? '4' : undefined)
      t.equal((json['interfaces'] as Json[])[0]!['mtu'], undefined)
      t.equal((await one.run('DEL', container(c!), { cniVersion })).code, 0)
    }
    failed(
      t,
      await one.run('STATUS', undefined, { cniVersion: '1.0.0' }),
      1,
      /expected one of 1.1.0/,
    )
  })

  await t.test('static addresses by the reference plugin', async (t) => {
    const ipam = { type: 'static', addresses: [{ address: '10.1.0.99/24' }] }
    const { code, json } = await one.run('ADD', container(c!), { ipam })
    t.equal(code, 0, JSON.stringify(json))
    await reaches(c!, '10.1.0.20')
    t.equal((await one.run('DEL', container(c!), { ipam })).code, 0)
  })

  await t.test('a restart of the daemon takes nothing from a container', async (t) => {
    await vteps[0].stop()
    const { code, json } = await one.run('STATUS', undefined)
    t.match({ code, json }, { code: 1, json: { code: 51, msg: /no daemon answers/ } })
    failed(t, await one.run('ADD', container(c!)), 11, /no daemon answers/)
    failed(t, await one.run('DEL', container(a!)), 11, /no daemon answers/)
    t.ok(one.reserved().includes('10.1.0.10'), 'its address is nobody else’s')
    await vteps[0].run()
    await vteps[0].established()
    await reaches(b!, '10.1.0.10')
    t.same(await one.run('STATUS', undefined), { code: 0, json: {} })
  })

  await t.test('STATUS 50 while the dataplane goes on without a controller', async (t) => {
    await vteps[1].stop()
    const dataplane = vteps[1].launch(['--dataplane-only'])
    await dataplane.said('vtep: ready', { seconds: 20 })
    t.match((await two.run('STATUS', undefined)).json, { code: 50 })
    await dataplane.stop()
  })
})
