// A real libvirtd starts the domain of bin/libvirt/example.xml: an interface of each type, attached by our hook beside another
// one's, which reaches everybody; restarts of both sides, and a daemon that is not there.

import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { guestImage, guestMissing, root, startVtep, until, type Vtep } from '../lab/index.js'
import { exampleDomain, Libvirt, withQemuUser } from './libvirt.js'
import { checkCard, guestMac, guestScript, overlay } from './overlay.js'

const skip = guestMissing('fping', 'bgpd', 'vtysh', 'libvirtd', 'virsh')
const hook = join(root, 'bin/libvirt/vtep')

interface PortRow {
  readonly ifname: string
  readonly state: string
}

const portsOf = async (vtep: Vtep): Promise<string[]> =>
  (await vtep.request<PortRow[]>('GET', '/v1/ports')).map((row) => `${row.ifname} ${row.state}`)

test('a domain of libvirt', { skip, timeout: 150_000 }, async (t) => {
  const cards = 3
  const { h1: plain, peers, config } = await overlay(t, cards)
  const h1 = withQemuUser(plain)
  const vtep = await startVtep(h1, config([]))
  await vtep.established()
  const libvirt = new Libvirt(h1)
  const calls = join(h1.directory, 'hooks')
  libvirt.hook('qemu', `echo "$@" >> ${calls}`)
  libvirt.hook('qemu.d/vtep', `VTEP_RUNTIME_DIR=${vtep.runtimeDir} exec ${hook} "$@"`)
  await libvirt.start()
  const numbers = peers.map(({ number }) => number)
  const image = await guestImage(h1, 'guest', guestScript(cards, numbers))
  const console = join(h1.directory, 'console')
  writeFileSync(console, '')
  chmodSync(console, 0o666)
  const socket = join(h1.directory, 'vm1-eth2.sock')
  await libvirt.define(exampleDomain({ image, socket, console }))
  // It lives until the lab ends, whatever happens here.
  t.teardown(() => libvirt.attempt('destroy', 'vm1'))

  await libvirt.virsh('start', 'vm1')
  t.match(
    readFileSync(calls, 'utf8'),
    /^vm1 prepare begin -$/m,
    "another one's hook is called, too",
  )
  const log = (): string => readFileSync(console, 'utf8')
  await until('the guest is there', () => /own [0-9a-f]{32}/.test(log()), { seconds: 40 })
  for (const [i, type] of ['bridge', 'ethernet', 'vhostuser'].entries()) {
    await t.test(`interface type='${type}'`, async (t) => {
      await checkCard(t, i + 1, peers, log)
      await vtep.learned(guestMac(i + 1), { kind: 'local' })
    })
  }
  const up = ['vm-525400000003 up', 'vm1-eth1 up', 'vxlan10100 up']
  t.same((await portsOf(vtep)).sort(), up, 'nothing was configured for it')

  await t.test('the same again', async (t) => {
    const xml = await libvirt.virsh('dumpxml', 'vm1')
    const { code, stderr } = await h1.attempt([hook, 'vm1', 'reconnect', 'begin', '-'], {
      input: xml,
      env: { VTEP_RUNTIME_DIR: vtep.runtimeDir },
    })
    t.match({ code, stderr }, { code: 0, stderr: '' })
    t.same((await portsOf(vtep)).sort(), up, 'changes nothing')
  })

  await t.test('libvirtd starts again while the daemon is not there', async (t) => {
    await vtep.stop()
    await libvirt.stop()
    await libvirt.start()
    await until('the hook is called', () =>
      /^vm1 reconnect begin -$/m.test(readFileSync(calls, 'utf8')),
    )
    t.equal((await libvirt.virsh('domstate', 'vm1')).trim(), 'running', 'the guest is left alone')
    await vtep.run()
    await vtep.established()
    await until('its ports are back', async () => (await portsOf(vtep)).sort().join() === up.join())
    for (const card of [1, 2, 3]) await checkCard(t, card, peers.slice(0, 1), log)
  })

  await t.test('the domain ends', async (t) => {
    await libvirt.virsh('destroy', 'vm1')
    t.same(await portsOf(vtep), ['vxlan10100 up'], 'the way out of the bridge stays')
    t.notOk(existsSync(socket), 'the socket is gone')
    t.not((await h1.attempt(['ip', 'link', 'show', 'vm1-eth1'])).code, 0, 'and the tap')
  })

  await t.test('without a daemon', async (t) => {
    await vtep.stop()
    const { code, stderr } = await libvirt.attempt('start', 'vm1')
    t.not(code, 0, 'a domain does not start')
    t.match(stderr, 'domain vm1: no daemon answers on ', 'and libvirt says why')
  })
})
