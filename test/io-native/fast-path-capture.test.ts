// Frames that somebody captures leave the kernel's fast path, and come back to it however the capture ends.

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { CapturedFrame } from '../../src/fib/index.js'
import { missing, ping, type Tenant, until } from '../lab/index.js'
import { addTenant, behind, kernelCarries, overlay, warm } from './overlay.js'

t.setTimeout(60_000)

const nativePath = fileURLToPath(new URL('../../src/io/native.js', import.meta.url))

t.test('a captured port', { skip: missing('fping') }, async (t) => {
  const { hosts } = await overlay(t, [{ uplink: 'raw' }, { uplink: 'raw' }])
  const [a, b] = hosts
  const x = await addTenant(a, 'x', 'netdev', '10.1.0.1/24')
  const y = await addTenant(b, 'y', 'netdev', '10.1.0.2/24')
  const z = await addTenant(a, 'z', 'netdev', '10.1.0.3/24')
  const macOf = (tenant: Tenant): Promise<string> => tenant.mac()
  await a.dataplane.apply([behind(await macOf(y.tenant), b.host.vtep4)])
  await b.dataplane.apply([
    behind(await macOf(x.tenant), a.host.vtep4),
    behind(await macOf(z.tenant), a.host.vtep4),
  ])
  const carried = async (from: Tenant): Promise<boolean> => {
    await warm(from, '10.1.0.2')
    return kernelCarries(hosts, from, '10.1.0.2')
  }
  t.ok(await carried(x.tenant), 'by the kernel')

  const drops = await a.dataplane.capture({ points: ['drop'] })
  t.same(drops.leftFastPath, [], 'which loses nothing, so it stays')
  t.ok(await carried(x.tenant), 'by the kernel still')
  drops.stop()

  const feed = await a.dataplane.capture({ port: x.port })
  t.same(feed.leftFastPath, [x.port])
  await ping(x.tenant, '10.1.0.2', { count: 5, intervalSeconds: 0.01 })
  const seen: CapturedFrame[] = []
  await until('requests and answers are seen', () => {
    seen.push(...feed.read().frames.filter(({ bytes }) => bytes.length >= 98))
    return ['fromPort', 'toPort', 'afterEncap', 'beforeDecap'].every(
      (point) => seen.filter((frame) => frame.point === point).length >= 5,
    )
  })
  t.notOk(await kernelCarries(hosts, x.tenant, '10.1.0.2'), 'by the workers')
  t.ok(await carried(z.tenant), 'others stay where they are')
  feed.stop()
  await until('it is back', () => carried(x.tenant))

  const source = `
    const { NativeDataplane } = await import(${JSON.stringify(nativePath)})
    const controlPath = ${JSON.stringify(a.path)}
    const feed = await NativeDataplane.attach({ controlPath, role: 'observer' }).capture({})
    setInterval(() => feed.read(), 20)
    console.log(feed.leftFastPath.length)`
  const owner = spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => owner.kill('SIGKILL'))
  let said = ''
  owner.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  await until('another process captures', () => said.includes('\n'))
  t.equal(said.trim(), '2', 'all ports')
  t.notOk(await kernelCarries(hosts, x.tenant, '10.1.0.2'), 'by the workers for another process')
  owner.kill('SIGKILL')
  await until('it is back though nobody has said so', () => carried(x.tenant))
})
