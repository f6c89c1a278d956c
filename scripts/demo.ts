// npm run demo: a small fabric in network namespaces. Two hosts and a route reflector, all running vtep, two tenants per
// host, one network. Shows it coming up and stays until Ctrl-C; with --once it cleans up and says by its exit status
// whether all worked. Needs no root: an ordinary user gets a user namespace.

import { join, relative } from 'node:path'
import {
  type Host,
  ping,
  type RoutedFabric,
  reaches,
  root,
  routedFabric,
  startVtep,
  type Tenant,
  tcp,
  until,
  type Vtep,
  type VtepConfig,
} from '../test/lab/index.js'
import { type Door, openDoor } from './dashboard-door.js'
import { inUserNamespace, mayBuildNetworks, runInUserNamespace } from './user-namespace.js'

const asn = 65000
const vni = 10100
const tenantIp = (n: number): string => `10.1.0.${n}`
const tenantMac = (n: number): string => `02:00:0a:01:00:${n.toString(16).padStart(2, '0')}`

const colour = process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined
const paint = (code: number, text: string): string =>
  colour ? `\x1b[${code}m${text}\x1b[0m` : text
const say = (text = ''): void => {
  process.stdout.write(`${text}\n`)
}
const indented = (text: string): string => text.trimEnd().replaceAll(/^/gm, '    ')

/** One step of the story: its sentence when it worked, with the time it took. */
async function step(what: string, act: () => Promise<string>): Promise<void> {
  const started = performance.now()
  try {
    const result = await act()
    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    say(`${paint(32, ' ✓ ')}${what}: ${result} ${paint(2, `(${seconds} s)`)}`)
  } catch (error) {
    say(`${paint(31, ' ✗ ')}${what}: ${error instanceof Error ? error.message : String(error)}`)
    throw error
  }
}

/** The reflector knows its clients only by the range they come from. */
function reflectorConfig(spine: Host): VtepConfig {
  const clients = { range: '10.255.0.0/24', asn: 'internal', routeReflectorClient: true }
  return { asn, vtep: { address: spine.vtep4 }, bgp: { listen: {}, neighbors: [clients] } }
}

/** What an operator writes on a host: who we are, who reflects, which ports belong to which network. */
function hostConfig(host: Host, spine: Host, ports: readonly string[]): VtepConfig {
  return {
    asn,
    vtep: { address: host.vtep4 },
    bgp: { neighbors: [{ address: spine.vtep4, asn }] },
    // Our own group, which is root's here: a socket that only reads, for the dashboard.
    api: { readGroup: '0' },
    networks: [{ name: 'blue', vni, ports: ports.map((name) => ({ name })) }],
  }
}

interface Demo {
  readonly fabric: RoutedFabric
  readonly tenants: readonly Tenant[]
  readonly daemons: readonly Vtep[]
}

async function attachTenants(fabric: RoutedFabric): Promise<Tenant[]> {
  const tenants: Tenant[] = []
  for (const host of fabric.hosts) {
    for (let i = 0; i < 2; i++) {
      const n = tenants.length + 1
      const options = { mac: tenantMac(n), ip4: `${tenantIp(n)}/24` }
      tenants.push(await host.tenant(`vm${n}`, options))
    }
  }
  return tenants
}

function picture({ spine, hosts }: RoutedFabric): void {
  say(`                    reflector ${spine.vtep4}`)
  say('                     ┌───────┴───────┐')
  say(`      host ${hosts[0]!.vtep4}           host ${hosts[1]!.vtep4}`)
  say('        vm1      vm2              vm3      vm4')
  say(
    `   ${tenantIp(1)} ${tenantIp(2)}         ${tenantIp(3)} ${tenantIp(4)}     network blue, VNI ${vni}`,
  )
  say()
}

async function bringUp(fabric: RoutedFabric): Promise<Demo> {
  const { spine, hosts } = fabric
  let tenants: Tenant[] = []
  const daemons: Vtep[] = []
  await step('tenants', async () => {
    tenants = await attachTenants(fabric)
    return `${tenants.map(({ port }) => port).join(', ')}, each in a namespace of its own`
  })
  await step('vtep', async () => {
    daemons.push(await startVtep(spine, reflectorConfig(spine)))
    const onHosts = hosts.map((host) => {
      const ports = tenants.filter((tenant) => tenant.host === host).map(({ port }) => port)
      return startVtep(host, hostConfig(host, spine, ports))
    })
    daemons.push(...(await Promise.all(onHosts)))
    return 'runs on the reflector and on both hosts'
  })
  await step('BGP EVPN', async () => {
    await Promise.all(daemons.slice(1).map((vtep) => vtep.established()))
    return 'both hosts have a session with the reflector'
  })
  return { fabric, tenants, daemons }
}

async function show(title: string, vtep: Vtep, ...args: readonly string[]): Promise<void> {
  const { stdout } = await vtep.cli(...args)
  say()
  say(`    ${title}${paint(2, `   vtep ${args.join(' ')}`)}`)
  say(indented(stdout))
  say()
}

async function exercise({ tenants, daemons }: Demo): Promise<void> {
  const [vm1, , vm3] = tenants as [Tenant, Tenant, Tenant, Tenant]
  const [reflector, onHost1] = daemons as [Vtep, Vtep, Vtep]
  await step('ping', async () => {
    let pairs = 0
    for (const [i, from] of tenants.entries()) {
      for (const [j, to] of tenants.entries()) {
        if (from.host === to.host) continue
        await reaches(from, tenantIp(j + 1))
        pairs += i < j ? 1 : 0
      }
    }
    const { sent, received } = await ping(vm1, tenantIp(3), { count: 20, intervalSeconds: 0.02 })
    // A processor's queue that other programs have filled may lose one.
    if (received < sent - 1) throw new Error(`${received} of ${sent} answers`)
    return `all ${pairs} pairs across the hosts, vm1 to vm3 ${received} of ${sent}`
  })
  await step('EVPN', async () => {
    const count = await until('four MACs at both hosts', async () => {
      const known = await Promise.all(daemons.slice(1).map((vtep) => vtep.macs()))
      const all = known.every((rows) =>
        tenants.every((_, i) => rows.some(({ mac }) => mac === tenantMac(i + 1))),
      )
      return all ? known[0]!.length : 0
    })
    return `type 2 and 3 routes have filled the tables: ${count} MACs at each host`
  })
  await show('sessions of the reflector', reflector, 'peers')
  await show('MACs at host 1', onHost1, 'macs')
  for (const [from, to, n] of [
    [vm1, vm3, 3],
    [vm3, vm1, 1],
  ] as const) {
    await step(`TCP ${from.port} → ${to.port}`, async () => {
      const { bitsPerSecond, retransmits } = await tcp(from, to, tenantIp(n), { seconds: 2 })
      if (bitsPerSecond < 1e6) throw new Error(`${Math.round(bitsPerSecond)} bit/s`)
      return `${paint(1, `${(bitsPerSecond / 1e9).toFixed(2)} Gbit/s`)}, ${retransmits} retransmits`
    })
  }
}

function explain({ tenants, daemons }: Demo, door: Door): void {
  const program = relative(process.cwd(), join(root, 'bin/vtep.js')) || 'bin/vtep.js'
  const enter = inUserNamespace()
    ? `nsenter --preserve-credentials -U -m -n -t ${process.pid} `
    : 'sudo '
  const [, onHost1] = daemons
  const api = join(onHost1!.runtimeDir, 'api.sock')
  door.leadTo(join(onHost1!.runtimeDir, 'read.sock'))
  say()
  say(`  Dashboard of host 1, read-only: ${paint(1, door.url)}`)
  say()
  say('  Look around from another terminal:')
  say(`    export VTEP_RUNTIME_DIR=${onHost1!.runtimeDir}`)
  say(
    `    node ${program} status        also: peers, networks, vteps, macs, routes, ports, drops, events`,
  )
  say(`    curl --unix-socket ${api} http://localhost/v1/status`)
  say(`    ${enter}ip netns exec ${tenants[0]!.netns} ping ${tenantIp(3)}`)
  say(`    configurations and logs: ${daemons[0]!.host.lab.directory}`)
  say()
  say('  Ctrl-C ends it and removes everything.')
}

async function demo(door: Door | undefined): Promise<number> {
  const once = door === undefined
  say(paint(1, 'vtep: two hosts, a route reflector, four tenants, one network'))
  say()
  let fabric: RoutedFabric | undefined
  let worked = false
  // Before the lab's own handlers: Ctrl-C is how a demo that is up ends. Leaving the process removes everything.
  process.on('SIGINT', () => process.exit(worked && !once ? 0 : 130))
  try {
    await step('fabric', async () => {
      fabric = await routedFabric(undefined, { hosts: 2 })
      const where = inUserNamespace()
        ? 'in a user namespace, without root'
        : 'in network namespaces'
      return `a spine and two hosts ${where}`
    })
    picture(fabric!)
    const running = await bringUp(fabric!)
    await exercise(running)
    worked = true
    if (door !== undefined) {
      explain(running, door)
      await new Promise(() => setInterval(() => undefined, 1 << 30))
    }
  } catch {
    const logs = fabric?.lab.logs(15) ?? ''
    if (logs !== '') say(indented(logs))
  }
  await fabric?.lab.close()
  say()
  say(
    worked ? paint(32, 'All worked; everything is removed again.') : paint(31, 'It did not work.'),
  )
  return worked ? 0 : 1
}

const args = process.argv.slice(2)
const unknown = args.filter((argument) => argument !== '--once')
if (unknown.length > 0) {
  process.stderr.write(`demo: unknown argument ${unknown.join(' ')}; the only one is --once\n`)
  process.exitCode = 2
} else {
  const door = args.includes('--once') ? undefined : await openDoor()
  process.exitCode = mayBuildNetworks()
    ? await demo(door)
    : await runInUserNamespace(import.meta.url, args, door?.environment)
  await door?.close()
}
