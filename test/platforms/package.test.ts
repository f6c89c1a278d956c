// The Debian package in a fresh Debian that boots with systemd: installs, forwards with four lines of configuration, is upgraded
// under traffic, watches over its processes, and goes away.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import { ipOf, leaf, macOf, tenantOptions, vni } from '../interop/support.js'
import { missing, ping, reaches, root, run, startVtep, until, wire } from '../lab/index.js'
import { Machine, machineMissing } from './support/machine.js'

const skip = missing('unshare', 'dpkg-deb') || machineMissing()

/** The package that this checkout builds, in a folder of the test. */
async function packageOf(): Promise<string> {
  const said = await run(['bash', join(root, 'packaging/build-deb'), '--fast'], {
    timeoutSeconds: 200,
  })
  return join(root, said.trim().split('\n').at(-1)!)
}

/** The same files as a later version. */
async function laterVersion(deb: string, folder: string): Promise<string> {
  const stage = join(folder, 'later')
  await run(['dpkg-deb', '-R', deb, stage], { timeoutSeconds: 60 })
  await run(['sed', '-i', 's/^Version: .*/&+1/', join(stage, 'DEBIAN/control')])
  const later = join(folder, 'later.deb')
  await run(['dpkg-deb', '--root-owner-group', '-Zgzip', '-z1', '-b', stage, later], {
    timeoutSeconds: 60,
  })
  return later
}

test('package', { skip }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'vt-package-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const deb = await packageOf()
  const { hosts } = await wire(t)
  const [h1, h2] = [hosts[0]!, hosts[1]!]
  const vm1 = await h1.tenant('vm1', tenantOptions(1))
  await h2.tenant('vm2', tenantOptions(2))
  const v2 = await startVtep(
    h2,
    leaf(h2, {
      asn: 65002,
      peers: [{ address: h1.vtep4, asn: 65001 }],
      ports: ['vm2'],
      routeTarget: `65000:${vni}`,
    }),
  )
  const machine = await Machine.boot(t, h1)
  const put = (file: string, name: string): Promise<string> =>
    machine.exec(['sh', '-c', `cat > ${name}`], { input: file })
  const active = async (unit: string): Promise<string> =>
    (await machine.exec(['sh', '-c', `systemctl is-active ${unit} || true`])).trim()
  const mainPid = async (unit: string): Promise<number> =>
    Number(await machine.exec(['systemctl', 'show', '-P', 'MainPID', unit]))
  const install = async (file: string): Promise<string> => {
    await machine.receive(file, '/tmp/package.deb')
    return machine.exec(['sh', '-c', 'dpkg -i /tmp/package.deb 2>&1'], { timeoutSeconds: 60 })
  }

  await t.test('installs, and forwards with four lines', async (t) => {
    const said = await install(deb)
    t.match(said, /write \/etc\/vtep\/vtep\.yaml/, 'says what is to do next')
    t.equal(await active('vtep.service'), 'inactive', 'without a configuration nothing runs')
    await put(
      `asn: 65001
vtep: { address: ${h1.vtep4} }
bgp: { listen: {}, neighbors: [{ address: ${h2.vtep4}, asn: 65002 }] }
networks: [{ name: blue, vni: ${vni}, routeTargets: { import: ["65000:${vni}"], export: ["65000:${vni}"] }, ports: [{ name: vm1 }] }]
`,
      '/etc/vtep/vtep.yaml',
    )
    await machine.exec(['systemctl', 'start', 'vtep.service'])
    t.equal(await active('vtep-dataplane.service'), 'active')
    await v2.established()
    await reaches(vm1, ipOf(2))
    const status = JSON.parse(await machine.exec(['vtep', 'status', '--json']))
    t.match(status, { version: String, fastPath: 'on', health: [] })
    t.match(
      await machine.exec(['sh', '-c', 'cat /proc/$(systemctl show -P MainPID vtep)/status']),
      /Uid:\t(?!0\b)\d+/,
      'not as root',
    )
  })

  await t.test('does what CloudStack asks for, without being root', async (t) => {
    const bridge = `brvx-${vni + 1}`
    const script = (op: string): Promise<string> =>
      machine.exec([
        '/usr/lib/vtep/bin/cloudstack/modifyvxlan-evpn.sh',
        ...['-o', op, '-v', `${vni + 1}`, '-p', 'eth0', '-b', bridge],
      ])
    const members = (): Promise<string> =>
      machine.exec(['sh', '-c', `ls /sys/class/net/${bridge}/brif 2>/dev/null || true`])
    await script('add')
    t.match(await members(), new RegExp(`^vxlan${vni + 1}$`, 'm'))
    for (const name of [bridge, `vxlan${vni + 1}`]) {
      const off = await machine.exec(['cat', `/proc/sys/net/ipv6/conf/${name}/disable_ipv6`])
      t.equal(off.trim(), '1', `${name}: IPv6 is off`)
    }
    await script('delete')
    t.equal(await members(), '')
  })

  await t.test('an upgrade under traffic loses nothing', async (t) => {
    const later = await laterVersion(deb, folder)
    const [dataplane, controller] = [await mainPid('vtep-dataplane'), await mainPid('vtep')]
    const traffic = ping(vm1, ipOf(2), { count: 1500, intervalSeconds: 0.01 })
    const callers = (async () => {
      let failed = 0
      for (let n = 0; n < 30; n++) {
        await machine.exec(['vtep', 'status']).catch(() => failed++)
      }
      return failed
    })()
    await install(later)
    await until('the controller is another one', async () => {
      const pid = await mainPid('vtep')
      return pid > 0 && pid !== controller
    })
    t.equal(await mainPid('vtep-dataplane'), dataplane, 'the dataplane is the one of before')
    t.equal(await callers, 0, 'who asked meanwhile waited for the new one')
    const { sent, received } = await traffic
    t.equal(received, sent, `${received} of ${sent} answers`)
    await v2.learned(macOf(1), { kind: 'remote' })
  })

  await t.test('what hangs is started again', async (t) => {
    await machine.exec(['sh', '-c', 'mkdir -p /etc/systemd/system/vtep-dataplane.service.d'])
    await put(
      '[Service]\nWatchdogSec=2\n',
      '/etc/systemd/system/vtep-dataplane.service.d/soon.conf',
    )
    await machine.exec(['systemctl', 'daemon-reload'])
    await machine.exec(['systemctl', 'restart', 'vtep-dataplane.service'])
    await reaches(vm1, ipOf(2), 20)
    const pid = await mainPid('vtep-dataplane')
    await machine.exec(['sh', '-c', `kill -STOP ${pid}`])
    await until('another one', async () => ![0, pid].includes(await mainPid('vtep-dataplane')), {
      seconds: 15,
    })
    await reaches(vm1, ipOf(2), 20)
    t.pass('and filled')
  })

  await t.test('goes away', async (t) => {
    await machine.exec(['dpkg', '--purge', 'vtep'], { timeoutSeconds: 30 })
    t.equal(await active('vtep-dataplane.service'), 'inactive')
    t.equal(
      await machine.exec([
        'sh',
        '-c',
        'ls -d /etc/vtep /var/lib/vtep /usr/lib/vtep 2>/dev/null; true',
      ]),
      '',
    )
  })
})

test('every example is a configuration', async (t) => {
  const folder = join(root, 'packaging/examples')
  for (const name of readdirSync(folder)) {
    await run([process.execPath, join(root, 'bin/vtep.js'), 'check', join(folder, name)])
    t.pass(name)
  }
})

test('the npm package works without a compiler', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'vt-npm-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const said = await run(['bash', join(root, 'packaging/build-npm')], { timeoutSeconds: 100 })
  const tarball = join(root, said.trim().split('\n').at(-1)!)
  // Its dependencies are the checkout's: what npm would fetch is not what is tested.
  await run(['tar', '-xzf', tarball, '-C', folder])
  const installed = join(folder, 'package')
  await run(['ln', '-s', join(root, 'node_modules'), join(folder, 'node_modules')])
  const node = (program: string, env: Readonly<Record<string, string>> = {}): Promise<string> =>
    run([process.execPath, '--input-type=module', '-e', program], { env })
  const library = join(installed, 'dist/src/index.js')
  t.match(
    await node(
      `import * as vtep from '${library}'; console.log(typeof vtep.NativeDataplane, vtep.portKinds().length)`,
    ),
    /function [1-9]/,
    'the addon loads',
  )
  t.match(
    await node(
      `import { WasmCore } from '${library}'; const core = new WasmCore({ localAddress: '10.0.0.1', udpPort: 4789 }); console.log('there', typeof core)`,
      { VTEP_ADDON: '/nowhere/vtep.node' },
    ),
    /there object/,
    'where it does not, the WebAssembly core does',
  )
})
