// Docker's network driver, called as the engine calls it: its URLs, its content type, its JSON; then what the engine does
// with the interface.

import { request } from 'node:http'
import { join } from 'node:path'
import { test } from 'tap'
import {
  type MacRow,
  missing,
  type Namespace,
  reaches,
  root,
  until,
  type Vtep,
} from '../lab/index.js'
import { startPair, vni } from './support.js'

const skip = missing()

type Json = Readonly<Record<string, unknown>>

const idOf = (digit: string): string => digit.repeat(64)

class Engine {
  readonly host: Namespace
  readonly vtep: Vtep
  readonly socketPath: string

  private constructor(vtep: Vtep) {
    this.host = vtep.host
    this.vtep = vtep
    this.socketPath = join(vtep.host.directory, 'plugins', 'vtep.sock')
  }

  static async start(vtep: Vtep): Promise<Engine> {
    const engine = new Engine(vtep)
    const argv = [process.execPath, join(root, 'bin/vtep.js'), 'docker-plugin']
    const words = ['--socket', engine.socketPath, '--runtime-dir', vtep.runtimeDir]
    const service = vtep.host.start('docker-plugin', [...argv, ...words])
    await service.said('vtep: ready', { seconds: 10 })
    return engine
  }

  /** Status and JSON. Without a body, as for calls that have no arguments. */
  post(method: string, body?: Json | string): Promise<{ status: number; json: Json }> {
    const type = 'application/vnd.docker.plugins.v1.2+json'
    const text = typeof body === 'object' ? JSON.stringify(body) : body
    return new Promise((resolve, reject) => {
      const outgoing = request(
        {
          socketPath: this.socketPath,
          method: 'POST',
          path: `/${method}`,
          headers: {
            accept: type,
            ...(text === undefined ? {} : { 'content-type': type }),
          },
        },
        (response) => {
          let got = ''
          response.setEncoding('utf8').on('data', (part) => {
            got += part
          })
          response.once('end', () =>
            resolve({ status: response.statusCode ?? 0, json: JSON.parse(got) as Json }),
          )
        },
      )
      outgoing.once('error', reject)
      outgoing.end(text)
    })
  }

  async call(method: string, body?: Json): Promise<Json> {
    return (await this.post(`NetworkDriver.${method}`, body)).json
  }

  /** `docker network create -d vtep -o vni=…`. */
  createNetwork(id: string, options: Json): Promise<Json> {
    return this.call('CreateNetwork', {
      NetworkID: id,
      Options: { 'com.docker.network.enable_ipv6': false, 'com.docker.network.generic': options },
      IPv4Data: [{ AddressSpace: 'LocalDefault', Pool: '10.1.0.0/24', Gateway: '10.1.0.1/24' }],
      IPv6Data: [],
    })
  }

  createEndpoint(network: string, id: string, of: Json): Promise<Json> {
    return this.call('CreateEndpoint', {
      NetworkID: network,
      EndpointID: id,
      Interface: { Address: '', AddressIPv6: '', MacAddress: '', ...of },
      Options: { 'com.docker.network.endpoint.exposedports': [], 'com.docker.network.portmap': [] },
    })
  }

  join(network: string, id: string): Promise<Json> {
    const ids = { NetworkID: network, EndpointID: id }
    return this.call('Join', { ...ids, SandboxKey: '/var/run/docker/netns/x', Options: {} })
  }

  /** What the engine does with the answer of Join. */
  async enter(sandbox: Namespace, source: string, mac: string, address: string): Promise<void> {
    await this.host.ip(`link set ${source} down`, `link set ${source} netns ${sandbox.netns}`)
    await sandbox.ip(
      `link set ${source} name eth0`,
      `link set eth0 address ${mac}`,
      `addr add ${address} dev eth0`,
      'link set eth0 up',
    )
  }
}

test('an engine on each of two hosts', { skip, timeout: 100_000 }, async (t) => {
  const gateway = ['10.3.0.1/24', 'fd03::1/64']
  const vrfs = [{ name: 'tenant', vni: 50001 }]
  const routed = { name: 'routed', vni: 10300, vrf: 'tenant', gateway }
  const { hosts, vteps } = await startPair(t, { networks: [routed], vrfs })
  const [h1] = hosts
  const [one, two] = await Promise.all([Engine.start(vteps[0]), Engine.start(vteps[1])])
  const network = idOf('a')
  const macs = (vtep: Vtep) => vtep.request<MacRow[]>('GET', '/v1/macs')

  await t.test('handshake', async (t) => {
    const { status, json } = await one.post('Plugin.Activate')
    t.same([status, json], [200, { Implements: ['NetworkDriver'] }])
    t.same(await one.call('GetCapabilities'), { Scope: 'local', ConnectivityScope: 'global' })
    t.equal((await one.post('NetworkDriver.Unheard', {})).status, 404)
    t.equal((await one.post('constructor', {})).status, 404)
    t.equal((await one.post('NetworkDriver.Leave', '{')).status, 400)
    t.equal((await one.post('NetworkDriver.DeleteNetwork', { NetworkID: '../x' })).status, 400)
  })

  await t.test('networks', async (t) => {
    t.same(await one.call('AllocateNetwork', { NetworkID: network, Options: { vni: '10100' } }), {
      Options: {},
    })
    t.match(await one.createNetwork(network, {}), { Err: /option vni: expected a number/ })
    t.match(await one.createNetwork(network, { vni: '0' }), { Err: /vni: expected/ })
    t.match(await one.createNetwork(network, { vni: '5', colour: 'red' }), { Err: /colour/ })
    for (const engine of [one, two]) {
      t.same(await engine.createNetwork(network, { vni: `${vni}` }), {})
    }
    t.match(await vteps[0].request('GET', `/v1/networks?vni=${vni}`), [{ vni }])
  })

  const boxes = await Promise.all(['c1', 'c2'].map((name) => h1.lab.namespace(name)))
  await t.test('containers', async (t) => {
    for (const [i, engine] of [one, two].entries()) {
      const endpoint = idOf(`${i + 1}`)
      const address = `10.1.0.${i + 2}/24`
      const created = await engine.createEndpoint(network, endpoint, { Address: address })
      const mac = (created['Interface'] as Json)['MacAddress'] as string
      t.match(created, { Interface: { MacAddress: /^02(:[0-9a-f]{2}){5}$/ } })
      const local = (await macs(engine.vtep)).filter(({ kind }) => kind === 'local')
      t.match(local, [{ mac, ips: [`10.1.0.${i + 2}`] }])
      const joined = await engine.join(network, endpoint)
      t.match(joined, { InterfaceName: { DstPrefix: 'eth' }, Gateway: '', GatewayIPv6: '' })
      const { SrcName } = joined['InterfaceName'] as { SrcName: string }
      await engine.enter(boxes[i]!, SrcName, mac, address)
      const ids = { NetworkID: network, EndpointID: endpoint }
      t.same(await engine.call('ProgramExternalConnectivity', { ...ids, Options: {} }), {})
      t.match(await engine.call('EndpointOperInfo', ids), { Value: { vni } })
    }
    await reaches(boxes[0]!, '10.1.0.3')
    await reaches(boxes[1]!, '10.1.0.2')
  })

  await t.test('a MAC that the engine has chosen; the way out of a routed network', async (t) => {
    const [id, endpoint] = [idOf('b'), idOf('3')]
    t.same(await one.createNetwork(id, { vni: '10300' }), {})
    const MacAddress = '02:42:0a:03:00:02'
    const of = { Address: '10.3.0.2/24', AddressIPv6: 'fd03::2/64', MacAddress }
    t.same(await one.createEndpoint(id, endpoint, of), { Interface: {} })
    t.match(await vteps[0].request('GET', `/v1/macs?mac=${MacAddress}`), [
      { network: 'routed', ips: ['10.3.0.2', 'fd03::2'] },
    ])
    t.match(await one.join(id, endpoint), { Gateway: '10.3.0.1', GatewayIPv6: 'fd03::1' })
    const ids = { NetworkID: id, EndpointID: endpoint }
    t.same(await one.call('DeleteEndpoint', ids), {})
    t.same(await one.call('DeleteNetwork', { NetworkID: id }), {})
    t.match(await vteps[0].request('GET', '/v1/networks?vni=10300'), [
      { name: 'routed', ports: [] },
    ])
  })

  await t.test('an endpoint in a network that is not there leaves nothing', async (t) => {
    const answer = await one.createEndpoint(idOf('c'), idOf('4'), { Address: '10.1.0.9/24' })
    t.match(answer, { Err: /network: expected one of/ })
    const links = await h1.exec(['ip', '-br', 'link'])
    t.notMatch(links, /v[cd]-4/)
  })

  await t.test('notifications', async (t) => {
    const node = { DiscoveryType: 1, DiscoveryData: { Address: h1.vtep4, Self: true } }
    t.same(await one.call('DiscoverNew', node), {})
    t.same(await one.call('DiscoverDelete', node), {})
  })

  await t.test('a daemon that is restarted, and one that is not there', async (t) => {
    await vteps[0].stop()
    const { status, json } = await one.post('NetworkDriver.CreateNetwork', {
      NetworkID: idOf('d'),
      Options: { 'com.docker.network.generic': { vni: '10400' } },
    })
    t.equal(status, 200)
    t.match(json, { Err: /^no daemon answers on / })
    await vteps[0].run()
    await vteps[0].established()
    await reaches(boxes[1]!, '10.1.0.2')
  })

  await t.test('the end', async (t) => {
    for (const [i, engine] of [one, two].entries()) {
      const ids = { NetworkID: network, EndpointID: idOf(`${i + 1}`) }
      t.same(await engine.call('RevokeExternalConnectivity', ids), {})
      t.same(await engine.call('Leave', ids), {})
      for (const _ of [1, 2]) t.same(await engine.call('DeleteEndpoint', ids), {})
      for (const _ of [1, 2]) t.same(await engine.call('DeleteNetwork', { NetworkID: network }), {})
      t.same(await engine.call('FreeNetwork', { NetworkID: network }), {})
      const { stdout } = await engine.host.attempt(['ip', '-br', 'link'])
      t.notMatch(stdout, /v[cd]-/)
      t.same(await engine.vtep.request('GET', `/v1/networks?vni=${vni}`), [])
    }
    await until('nothing is known any more', async () => (await macs(vteps[1])).length === 0)
  })
})
