// CloudStack's agent (BridgeVifDriver) as it calls its scripts, and what it looks at afterwards: exit codes, /sys, the lock.
// Beside them a plain script that makes the same of the kernel's devices.

import { test } from 'tap'
import {
  attempt,
  type CommandResult,
  type MacRow,
  missing,
  type RouteRow,
  reaches,
  until,
  type Vtep,
} from '../lab/index.js'
import { inHost, program, startPair, vni } from './support.js'

const skip = missing('unshare', 'bridge', 'arping')
const bridge = `brvx-${vni}`
const device = `vxlan${vni}`

type Script = 'modifyvxlan-evpn' | 'modifyvxlan' | 'modifymacip'

const call = (vtep: Vtep, script: Script, ...words: readonly string[]): Promise<CommandResult> =>
  inHost(vtep, [program(`bin/cloudstack/${script}.sh`), ...words])

/** As BridgeVifDriver.createVnet and deleteVnetBr write the line. */
const add = (vtep: Vtep, script: Script = 'modifyvxlan-evpn') =>
  call(vtep, script, '-v', `${vni}`, '-p', 'eth0', '-b', bridge, '-o', 'add')
const remove = (vtep: Vtep, script: Script = 'modifyvxlan-evpn') =>
  call(vtep, script, '-o', 'delete', '-v', `${vni}`, '-p', 'vx', '-b', bridge)

/** What the agent reads in /sys, of everything that is neither lo nor the underlay. */
async function look(netns: string): Promise<string> {
  const script = `cd /sys/class/net
    for i in br* vxlan* vnet*; do
      [ -d $i ] || continue
      echo "$i up=$(($(cat $i/flags) & 1)) ipv6off=$(cat /proc/sys/net/ipv6/conf/$i/disable_ipv6)" \
        "members=$(ls $i/brif 2>/dev/null | tr '\\n' ' ')" $(cd $i && ls -d bridge brport 2>/dev/null)
    done`
  return (await attempt(['ip', 'netns', 'exec', netns, 'sh', '-ec', script])).stdout
}

test('the bridge of a VNI', { skip, timeout: 100_000 }, async (t) => {
  const { hosts, vteps } = await startPair(t)
  const [h1] = hosts
  const [vtep] = vteps
  const plain = await h1.lab.namespace('plain')
  const words = [`${vni}`, bridge, '127.0.0.1']
  const byHand = (verb: string) =>
    attempt([
      'ip',
      'netns',
      'exec',
      plain.netns,
      program('bench/tools/plain-vxlan.sh'),
      verb,
      ...words,
    ])

  for (const script of ['modifyvxlan-evpn', 'modifyvxlan'] as const) {
    await t.test(`${script}: added, again, and deleted`, async (t) => {
      const { code, stdout, stderr } = await add(vtep, script)
      t.same([code, stderr], [0, ''])
      t.match(stdout, `local addr for VNI ${vni} is ${h1.vtep4}`)
      t.equal((await byHand('add')).code, 0)
      const seen = await look(h1.netns)
      t.match(seen, new RegExp(`^${bridge} .*members=${device} `))
      t.equal(seen, await look(plain.netns), 'as the plain script leaves it')
      const index = () => h1.json<{ ifindex: number }[]>(['ip', '-j', 'link', 'show', device])
      const [before] = await index()
      t.equal((await add(vtep, script)).code, 0, 'the same again')
      t.equal((await index())[0]?.ifindex, before?.ifindex, 'changes nothing')
      t.equal((await remove(vtep, script)).code, 0)
      t.equal((await byHand('delete')).code, 0)
      t.same(await look(h1.netns), '')
      t.same(await vtep.request('GET', '/v1/networks'), [])
      t.equal((await remove(vtep, script)).code, script === 'modifyvxlan' ? 0 : 1, 'not there')
    })
  }

  await t.test('with a virtual machine still in it', async (t) => {
    await add(vtep)
    await byHand('add')
    for (const host of [h1, plain]) {
      await host.ip('link add vnet0 type veth peer name vm', `link set vnet0 master ${bridge} up`)
    }
    t.equal(await look(h1.netns), await look(plain.netns))
    t.equal((await remove(vtep)).code, 0)
    await byHand('delete')
    t.equal(await look(h1.netns), await look(plain.netns), 'the bridge goes all the same')
    await h1.ip('link del vnet0')
  })

  await t.test('what somebody has taken apart is put together again', async (t) => {
    await add(vtep)
    const whole = await look(h1.netns)
    for (const harm of [`link set ${device} nomaster`, `link del ${bridge}`]) {
      await h1.ip(harm)
      t.equal((await add(vtep)).code, 0, harm)
      t.equal(await look(h1.netns), whole)
    }
    await remove(vtep)
  })

  await t.test('a daemon that was restarted makes it again', async (t) => {
    await add(vtep)
    const whole = await look(h1.netns)
    await vtep.stop()
    t.equal(await look(h1.netns), '')
    await vtep.run()
    t.equal(await look(h1.netns), whole)
    t.equal((await remove(vtep)).code, 0)
    t.equal(await look(h1.netns), '')
  })

  await t.test('usage', async (t) => {
    const good = ['-v', '10100', '-p', 'eth0', '-b', bridge, '-o', 'nothing']
    for (const script of ['modifyvxlan-evpn', 'modifyvxlan'] as const) {
      for (const missing of [0, 2, 4, 6]) {
        const { code, stdout } = await call(vtep, script, ...good.toSpliced(missing, 2))
        t.equal(code, 2, `${script} without ${good[missing]}`)
        t.match(stdout, /^Usage: /)
      }
      t.equal((await call(vtep, script, ...good, '-x')).code, 2, 'an option that there is not')
      t.equal((await call(vtep, script, ...good)).code, 0, 'another verb is nobody’s')
      const six = await call(vtep, script, ...good, '-6')
      t.equal(six.code, script === 'modifyvxlan' ? 2 : 0, `${script} -6`)
      const bad = await call(vtep, script, ...good.slice(2), '-v', '1"x', '-o', 'add')
      t.same([bad.code, bad.stderr], [1, `vtep: -v: expected a number, got '1"x'\n`])
    }
    const far = await call(vtep, 'modifyvxlan', ...good.slice(2), '-v', '16777216', '-o', 'add')
    t.equal(far.code, 1)
    t.match(far.stderr, /^vtep: vni: expected .*\n$/)
  })

  await t.test('the lock of the host is respected', async (t) => {
    const hold = ['flock', '-x', '/var/run/cloud/vxlan.lock', 'sleep', '0.5']
    const holder = inHost(vtep, hold)
    await until('the lock is held', async () => {
      const tried = ['flock', '-xn', '/var/run/cloud/vxlan.lock', 'true']
      return (await inHost(vtep, tried)).code === 1
    })
    const late = program('build/Release/vtep-call')
    const lock = ['--lock', '/var/run/cloud/vxlan.lock', '0']
    const refused = await inHost(vtep, [late, ...lock, 'GET', '/v1/status'])
    t.equal(refused.code, 1)
    t.match(refused.stderr, /^vtep: lock .* another program holds it\n$/)
    let done = false
    const waiting = add(vtep).then((result) => {
      done = true
      return result
    })
    t.equal(done, false)
    await holder
    t.equal((await waiting).code, 0)
    await remove(vtep)
  })

  await t.test('without a daemon it fails at once, and says why', async (t) => {
    await vtep.stop()
    const started = performance.now()
    for (const script of ['modifyvxlan-evpn', 'modifyvxlan'] as const) {
      const { code, stderr } = await add(vtep, script)
      t.equal(code, 1)
      t.match(stderr, /^vtep: no daemon answers on \/.*\/api\.sock \(.*\)\n$/)
      t.equal((await remove(vtep, script)).code, script === 'modifyvxlan' ? 0 : 1)
    }
    const macip = await call(
      vtep,
      'modifymacip',
      '-o',
      'add',
      '-b',
      'lo',
      '-m',
      '02:00:00:00:00:01',
    )
    t.equal(macip.code, 0, 'a bridge that is none of ours')
    t.ok(performance.now() - started < 5000)
  })
})

test('virtual machines on two hosts', { skip, timeout: 100_000 }, async (t) => {
  const { hosts, vteps } = await startPair(t)
  const [h1, h2] = hosts
  const [v1, v2] = vteps
  for (const vtep of vteps) t.equal((await add(vtep)).code, 0)
  const mac = (n: number) => `02:00:00:00:00:0${n}`
  const ip = (n: number) => `10.1.0.${n}`
  const options = (n: number) => ({ mac: mac(n), ip4: `${ip(n)}/24`, ipv6: false, bridge })
  const vm1 = await h1.tenant('vnet1', options(1))
  const vm2 = await h2.tenant('vnet2', options(2))
  const macip = (vtep: Vtep, verb: string, ...words: readonly string[]) =>
    call(vtep, 'modifymacip', '-o', verb, '-b', bridge, ...words)
  const routes = async (vtep: Vtep, of: string): Promise<string[]> => {
    const all = await vtep.request<RouteRow[]>('GET', '/v1/routes?type=2')
    return all.flatMap((one) => (one['mac'] === of && one.best ? [`${one['ip'] ?? ''}`] : []))
  }
  const row = async (vtep: Vtep, of: string): Promise<MacRow | undefined> =>
    (await vtep.request<MacRow[]>('GET', `/v1/macs?mac=${of}`))[0]

  await t.test('reach each other', async () => {
    await reaches(vm1, ip(2))
    await reaches(vm2, ip(1))
  })

  await t.test(
    'a machine that has not said a word is known everywhere, and answered for',
    async (t) => {
      const words = ['-m', '02:00:00:00:00:0A', '-4', ip(10), '-6', 'fe80::a', '-4', ip(11)]
      const added = await macip(v1, 'add', ...words)
      t.same([added.code, added.stderr], [0, ''])
      const found = await until('its routes at the other host', async () => {
        const ips = await routes(v2, '02:00:00:00:00:0a')
        return ips.length === 4 && ips.toSorted()
      })
      t.same(found, ['', ip(10), ip(11), 'fe80::a'])
      const asked = await vm2.attempt(['arping', '-c', '1', '-w', '2', '-I', 'eth0', ip(11)])
      t.match(asked.stdout, /02:00:00:00:00:0A/i, 'a request is answered though nobody is there')
      t.equal((await macip(v1, 'delete', '-m', '02:00:00:00:00:0a')).code, 0)
      await until('it is gone', async () => (await routes(v2, '02:00:00:00:00:0a')).length === 0)
      t.equal((await macip(v1, 'delete', '-m', '02:00:00:00:00:0a')).code, 0, 'not there')
    },
  )

  await t.test('a target of a live migration waits for the machine', async (t) => {
    await macip(v1, 'add', '-m', mac(1), '-4', ip(1))
    await until('it is known', async () => (await row(v2, mac(1)))?.ips.includes(ip(1)))
    t.equal((await macip(v2, 'add', '-m', mac(1), '-4', ip(1))).code, 0)
    t.match(await row(v2, mac(1)), { kind: 'remote', dst: h1.vtep4 })
    await reaches(vm2, ip(1))
    await vm1.move(h2, bridge)
    await until('it has moved', async () => {
      await vm1.announce(ip(1))
      const [there, here] = [await row(v1, mac(1)), await row(v2, mac(1))]
      return there?.dst === h2.vtep4 && here?.kind === 'local' && here.ips.includes(ip(1))
    })
    await macip(v1, 'delete', '-m', mac(1))
    t.match(await row(v1, mac(1)), { kind: 'remote', dst: h2.vtep4, sequence: 1 })
    await reaches(vm1, ip(2))
  })

  await t.test('direct: each machine has a port of its own, and stays in its bridge', async (t) => {
    const xml = (dev: string, of: string) => `<domain type='kvm'><devices>
      <interface type='bridge'>
        <mac address='${of}'/>
        <source bridge='${bridge}'/>
        <target dev='${dev}'/>
      </interface>
      <interface type='bridge'>
        <mac address='02:00:00:00:00:99'/>
        <source bridge='cloud0'/>
        <target dev='vnet99'/>
      </interface></devices></domain>`
    const hook = (vtep: Vtep, operation: string, dev: string, of: string) =>
      inHost(vtep, [program('bin/cloudstack/all_vtep'), 'i-2-3-VM', operation, 'begin', '-'], {
        input: xml(dev, of),
      })
    const vm3 = await h1.tenant('vnet3', options(3))
    const vm4 = await h1.tenant('vnet4', options(4))
    await reaches(vm3, ip(4))
    const started = await hook(v1, 'started', 'vnet3', mac(3))
    t.same([started.code, started.stderr], [0, ''])
    t.equal((await hook(v1, 'reconnect', 'vnet3', mac(3))).code, 0, 'the same again')
    t.match(await look(h1.netns), new RegExp(`^${bridge} .*members=vnet3 vnet4 ${device} `))
    const seen = async () => (await h1.counters('vnet3')).rxPackets
    await reaches(vm3, ip(4))
    await reaches(vm4, ip(3))
    await reaches(vm3, ip(2))
    t.match(await row(v1, mac(3)), { kind: 'local', ifname: 'vnet3' })
    t.ok((await seen()) > 0)
    const fdb = await h1.exec(['bridge', 'fdb', 'show', 'br', bridge])
    t.notMatch(fdb, new RegExp(`${mac(3)} dev vnet3`), 'the bridge sees nothing of it')
    t.equal((await hook(v1, 'stopped', 'vnet3', mac(3))).code, 0)
    await reaches(vm3, ip(4))
    await vm3.announce(ip(3))
    await until('by the bridge again', async () => (await row(v1, mac(3)))?.ifname === device)
  })

  await t.test('usage of modifymacip', async (t) => {
    const codes = async (...words: readonly string[]) =>
      (await call(v1, 'modifymacip', ...words)).code
    t.equal(await codes('-o', 'add', '-b', bridge), 2)
    t.equal(await codes('-o', 'add', '-m', mac(1)), 2)
    t.equal(await codes('-b', bridge, '-m', mac(1)), 2)
    t.equal(await codes('-o', 'other', '-b', bridge, '-m', mac(1)), 2)
    t.equal(await codes('-o', 'add', '-b', bridge, '-m', mac(1), '-x'), 2)
    t.equal(await codes('-o', 'add', '-b', 'nobridge', '-m', mac(1)), 1)
    t.equal(await codes('-o', 'delete', '-b', 'nobridge', '-m', mac(1)), 0)
    const group = await call(
      v1,
      'modifymacip',
      '-o',
      'add',
      '-b',
      bridge,
      '-m',
      '01:00:00:00:00:00',
    )
    t.same(group.code, 1)
    t.match(group.stderr, /^vtep: mac: expected a unicast MAC address/)
  })
})
