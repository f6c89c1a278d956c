// Pictures of the dashboard, of a small fabric that really runs: three hosts and a reflector, two networks, traffic between tenants.
// Usage: npm run screenshots                      docs/screenshots/*.png, those that the README shows
//        npm run screenshots -- --all DIRECTORY   every page, wide and narrow, light and dark

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import {
  openGate,
  ping,
  type RoutedFabric,
  reaches,
  root,
  routedFabric,
  sleep,
  startVtep,
  type Tenant,
  type Vtep,
} from '../test/lab/index.js'
import { chromiumMissing, type Owner, openPage, startBrowser, visit } from '../test/ui/browser.js'

const asn = 65000

interface Shot {
  readonly name: string
  readonly place: string
  /** In the README. */
  readonly theme?: 'light' | 'dark'
  /** Before the picture is taken. */
  readonly ready: (page: Page) => Promise<unknown>
}

const row = (page: Page): Promise<void> => page.locator('tbody tr.clickable').first().waitFor()
const details = (page: Page): Promise<void> => page.locator('aside.details').waitFor()

const shots: readonly Shot[] = [
  {
    name: 'health',
    place: '/health',
    ready: async (page) => {
      await page.locator('.event').first().waitFor()
      await page.getByRole('button', { name: 'Run the checks' }).click()
      await page
        .locator('.findings')
        .first()
        .waitFor({ timeout: 20_000 })
        .catch(() => undefined)
    },
  },
  {
    name: 'topology',
    place: '/topology',
    theme: 'dark',
    ready: (page) => page.locator('.topology .card').nth(4).waitFor(),
  },
  {
    name: 'macs',
    place: `/macs?open=10100+${macOf(3).replaceAll(':', '%3A')}`,
    ready: details,
  },
  { name: 'routes', place: '/routes?type=2', ready: row },
  { name: 'peers', place: '/peers', ready: row },
  { name: 'vteps', place: '/vteps', ready: row },
  { name: 'networks', place: '/networks?open=blue', ready: details },
  { name: 'vrfs', place: '/vrfs', ready: row },
  { name: 'prefixes', place: '/prefixes', ready: row },
  { name: 'ports', place: '/ports', ready: row },
  { name: 'rates', place: '/rates', theme: 'dark', ready: () => sleep(14) },
  { name: 'events', place: '/events', ready: (page) => page.locator('.event').first().waitFor() },
  {
    name: 'why',
    place: `/why?address=${macOf(3)}&network=blue`,
    theme: 'light',
    ready: (page) => page.locator('.chain, .banner').first().waitFor(),
  },
  {
    name: 'trace',
    place: '/trace?port=vm1&ipDst=10.1.0.3&proto=tcp&dport=80',
    ready: async (page) => {
      await page.getByRole('button', { name: 'Trace' }).click()
      await page.locator('.chain, .banner').first().waitFor()
    },
  },
]

function macOf(n: number): string {
  return `02:00:0a:01:00:${n.toString(16).padStart(2, '0')}`
}

async function build(
  owner: Owner,
): Promise<{ readonly daemons: readonly Vtep[]; readonly tenants: readonly Tenant[] }> {
  const { spine, hosts }: RoutedFabric = await routedFabric(owner, { hosts: 3 })
  const clients = { range: '10.255.0.0/24', asn: 'internal', routeReflectorClient: true }
  const daemons = [
    await startVtep(spine, {
      asn,
      vtep: { address: spine.vtep4 },
      bgp: { listen: {}, neighbors: [clients] },
    }),
  ]
  const tenants: Tenant[] = []
  for (const host of hosts) {
    const names = [tenants.length + 1, tenants.length + 2]
    for (const n of names) {
      const subnet = n % 2 === 1 ? 1 : 2
      tenants.push(await host.tenant(`vm${n}`, { mac: macOf(n), ip4: `10.${subnet}.0.${n}/24` }))
    }
    daemons.push(
      await startVtep(host, {
        asn,
        vtep: { address: host.vtep4 },
        bgp: { neighbors: [{ address: spine.vtep4, asn }] },
        vrfs: [{ name: 'tenant-a', vni: 50001 }],
        networks: [
          {
            name: 'blue',
            vni: 10100,
            vrf: 'tenant-a',
            gateway: ['10.1.0.254/24'],
            ports: [{ name: `vm${names[0]}` }],
          },
          {
            name: 'red',
            vni: 10200,
            vrf: 'tenant-a',
            gateway: ['10.2.0.254/24'],
            ports: [{ name: `vm${names[1]}` }],
          },
        ],
      }),
    )
  }
  await Promise.all(daemons.slice(1).map((daemon) => daemon.established()))
  const [vm1, vm2] = tenants as [Tenant, Tenant]
  for (const [from, subnet, own] of [
    [vm1, 1, 1],
    [vm2, 2, 2],
  ] as const)
    for (const n of [own + 2, own + 4]) await reaches(from, `10.${subnet}.0.${n}`)
  return { daemons, tenants }
}

async function main(all: string | undefined): Promise<void> {
  const undo: (() => Promise<void>)[] = []
  const owner = { teardown: (handler: () => Promise<void>): void => void undo.push(handler) }
  try {
    const { daemons, tenants } = await build(owner)
    const gate = await openGate(join(daemons[1]!.runtimeDir, 'api.sock'))
    undo.push(gate.close)
    const browser = await startBrowser(owner)
    const traffic = ping(tenants[0]!, '10.1.0.3', { count: 4000, intervalSeconds: 0.01 })
    traffic.catch(() => undefined)
    for (const theme of ['light', 'dark'] as const) {
      for (const [width, height] of all === undefined
        ? [[1280, 800]]
        : [
            [1280, 800],
            [390, 844],
          ]) {
        const { page, context } = await openPage(browser, { theme, width: width!, height: height! })
        for (const shot of shots) {
          if (all === undefined && shot.theme !== theme) continue
          await visit(page, gate.url, shot.place)
          await shot.ready(page)
          const name = all === undefined ? shot.name : `${shot.name}-${width}-${theme}`
          await page.screenshot({
            path: join(all ?? join(root, 'docs/screenshots'), `${name}.png`),
            animations: 'disabled',
          })
          process.stdout.write(`${name}.png\n`)
        }
        await context.close()
      }
    }
  } finally {
    for (const step of undo.toReversed()) await step()
  }
}

const [option, directory] = process.argv.slice(2)
const missing = chromiumMissing()
if (missing !== false) {
  process.stderr.write(`screenshots: ${missing}\n`)
  process.exitCode = 1
} else if (option !== undefined && (option !== '--all' || directory === undefined)) {
  process.stderr.write('screenshots: expected --all DIRECTORY or nothing\n')
  process.exitCode = 2
} else {
  mkdirSync(directory ?? join(root, 'docs/screenshots'), { recursive: true })
  await main(directory)
}
