// Every page of the dashboard in Chromium: it loads, is live, can be used by keyboard, and changes nothing for who may only read.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import t, { type Test } from 'tap'
import { Daemon, exchange, freePort } from '../host/daemon.js'
import { openGate, until } from '../lab/index.js'
import { chromiumMissing, openPage, startBrowser, visit, type Watched } from './browser.js'

const skip = chromiumMissing()
t.setTimeout(120_000)

const pages = [
  ['/health', 'Health', 'h'],
  ['/topology', 'Topology', 't'],
  ['/macs', 'MACs', 'm'],
  ['/routes', 'Routes', 'r'],
  ['/peers', 'Peers', 'b'],
  ['/vteps', 'VTEPs', 'v'],
  ['/networks', 'Networks', 'n'],
  ['/vrfs', 'VRFs', 'i'],
  ['/prefixes', 'Prefixes', 'x'],
  ['/ports', 'Ports', 'p'],
  ['/rates', 'Rates', 'd'],
  ['/events', 'Events', 'e'],
  ['/why', 'Why', 'w'],
  ['/trace', 'Trace', 'f'],
] as const

const port = freePort()
const base = `http://127.0.0.1:${port}/`
const config = {
  asn: 65000,
  vtep: { address: '127.0.0.1', uplink: 'udp', udpPort: freePort() },
  api: { listen: `127.0.0.1:${port}` },
  bgp: { neighbors: [{ address: '127.0.0.7', asn: 65007, port: freePort() }] },
  vrfs: [{ name: 'tenant-a', vni: 50001 }],
  networks: [
    {
      name: 'blue',
      vni: 10100,
      vrf: 'tenant-a',
      gateway: ['10.1.0.254/24'],
      ports: [
        { name: 'r1', kind: 'ring', mac: '02:00:00:00:00:01', ip: ['10.1.0.1', '2001:db8::1'] },
        { name: 'r2', kind: 'ring', mac: '02:00:00:00:00:02' },
      ],
      remotes: [{ address: '127.0.0.9', macs: ['02:00:00:00:00:09'] }],
    },
    { name: 'red', vni: 10200 },
  ],
}

t.test('the dashboard', { skip }, async (t) => {
  const daemon = new Daemon(t, config)
  await daemon.start()
  const browser = await startBrowser(t)
  const clean = (t: Test, { problems }: Watched): void =>
    void t.same(problems, [], 'no problem on the page')

  await t.test('each page loads and says what it is', async (t) => {
    const watched = await openPage(browser)
    const { page, context } = watched
    for (const [path, title] of pages) {
      await visit(page, base, path, title)
      t.equal(await page.title(), `${title} · vtep`)
      t.equal(await page.locator('main h1').count(), 1, `${path} has one heading`)
      t.match(await page.locator('nav a[aria-current=page]').innerText(), title)
      t.same(await violations(page), [], `${path} is accessible`)
      // The themes differ in colours alone.
      await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' })
      t.same(await violations(page, ['color-contrast']), [], `${path} is readable in the dark`)
      await page.emulateMedia({ colorScheme: 'light' })
    }
    clean(t, watched)
    await context.close()
  })

  await t.test('details, filters and orders are in the URL', async (t) => {
    const watched = await openPage(browser)
    const { page, context } = watched
    await visit(page, base, '/macs?q=02:00&sort=-mac')
    await page.locator('tbody tr.clickable').nth(2).waitFor()
    t.same(await page.locator('tbody tr.clickable td:nth-child(3)').allInnerTexts(), [
      '02:00:00:00:00:09',
      '02:00:00:00:00:02',
      '02:00:00:00:00:01',
    ])
    await page.locator('tbody tr.clickable').last().click()
    await page.getByRole('complementary', { name: /Details/ }).waitFor()
    t.match(page.url(), 'open=10100+02%3A00%3A00%3A00%3A00%3A01')
    t.match(await page.locator('aside.details').innerText(), /2001:db8::1/)
    await page.reload()
    t.match(
      await page.locator('aside.details h2').innerText(),
      '02:00:00:00:00:01',
      'the link keeps it',
    )
    await page.selectOption('select[name=kind]', 'remote')
    await until('one row', async () => (await page.locator('tbody tr.clickable').count()) === 1)
    t.match(page.url(), 'kind=remote')
    await context.close()
  })

  await t.test('by keyboard alone', async (t) => {
    const watched = await openPage(browser)
    const { page, context } = watched
    await visit(page, base, '/health')
    for (const [path, title, key] of pages) {
      await page.keyboard.press('g')
      await page.keyboard.press(key)
      await page.locator('main h1', { hasText: title }).waitFor()
      t.match(page.url(), `#${path}`)
    }
    await page.keyboard.press('?')
    await page.getByRole('dialog').waitFor()
    t.same(await violations(page), [])
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
    await visit(page, base, '/health')
    await page.keyboard.press('/')
    await page.locator('[data-search]:focus').waitFor()
    t.match(page.url(), '#/macs')
    await page.keyboard.type('02:00:00:00:00:02')
    await until('one row', async () => (await page.locator('tbody tr.clickable').count()) === 1)
    await page.locator('.scroller').focus()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await page.locator('aside.details h2').waitFor()
    t.match(await page.locator('aside.details h2').innerText(), '02:00:00:00:00:02')
    await page.keyboard.press('Escape')
    await page.locator('aside.details').waitFor({ state: 'detached' })
    clean(t, watched)
    await context.close()
  })

  await t.test('what happens is seen without a reload', async (t) => {
    const watched = await openPage(browser)
    const { page, context } = watched
    await visit(page, base, '/macs')
    await page.locator('tbody tr.clickable').nth(2).waitFor()
    const added = { name: 'r3', kind: 'ring', network: 'red', mac: '02:00:00:00:00:03' }
    t.equal((await daemon.http('POST', '/v1/ports', added)).status, 201)
    await page.locator('td', { hasText: '02:00:00:00:00:03' }).waitFor()
    await visit(page, base, '/events')
    await page.locator('.event').first().waitFor()
    await daemon.http('POST', '/v1/networks', { name: 'green', vni: 10300 })
    await page.locator('.event', { hasText: 'green' }).first().waitFor()
    await daemon.http('DELETE', '/v1/networks/green')
    await daemon.http('DELETE', '/v1/ports/r3')
    clean(t, watched)
    await context.close()
  })

  await t.test('who may only read changes nothing', async (t) => {
    const watched = await openPage(browser)
    const { page, context } = watched
    await visit(page, base, '/peers?open=127.0.0.7')
    await page.locator('aside.details').waitFor()
    t.equal(await page.locator('.operation').count(), 0, 'no control is shown')
    const tcp = { host: '127.0.0.1', port }
    t.equal((await exchange(tcp, 'POST', '/v1/peers/127.0.0.7/clear', {})).status, 403)
    const status = await page.evaluate(
      async () =>
        (
          await fetch('v1/reload', {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: '{}',
          })
        ).status,
    )
    t.equal(status, 403, 'and what a page sends all the same is refused')
    await context.close()
  })

  await t.test('an operator asks a peer for its routes again', async (t) => {
    const gate = await openGate(`${daemon.runtimeDir}/api.sock`)
    t.teardown(() => gate.close())
    const watched = await openPage(browser)
    const { page, context } = watched
    await visit(page, gate.url, '/peers?open=127.0.0.7')
    await page.getByRole('button', { name: 'Restart the session' }).click()
    await page.getByRole('button', { name: 'Restart the session, really' }).click()
    await page.locator('.operation output', { hasText: 'done' }).waitFor()
    clean(t, watched)
    await context.close()
  })

  await t.test('why, and the doctor', async (t) => {
    const watched = await openPage(browser)
    const { page, context } = watched
    await visit(page, base, '/why')
    await page.getByLabel('MAC or IP address').fill('02:00:00:00:00:09')
    await page.getByRole('button', { name: 'Why?' }).click()
    await page.locator('.chain > li').first().waitFor()
    const { json } = await daemon.http('GET', '/v1/why?address=02:00:00:00:00:09')
    const { answers } = json as {
      readonly answers: readonly { readonly verdict: { code: string }; readonly chain: unknown[] }[]
    }
    t.match(await page.locator('.verdict .headline').innerText(), answers[0]!.verdict.code)
    t.equal(await page.locator('.chain > li').count(), answers[0]!.chain.length)
    t.same(await violations(page), [])
    await visit(page, base, '/health')
    await page.getByRole('button', { name: 'Run the checks' }).click()
    await page.getByText(/\d+ of \d+ checks are fine/).waitFor()
    t.same(await violations(page), [])
    clean(t, watched)
    await context.close()
  })

  await t.test(
    'a frame of a capture file, by the core in the browser and by the daemon',
    async (t) => {
      const watched = await openPage(browser)
      const { page, context } = watched
      await visit(page, base, '/trace?way=file')
      await page.locator('input[type=file]').setInputFiles({
        name: 'two.pcap',
        mimeType: 'application/vnd.tcpdump.pcap',
        buffer: pcapOf(frame, frame.subarray(0, 10)),
      })
      await page.locator('tbody tr.clickable').nth(1).waitFor()
      await page.locator('tbody tr.clickable').first().click()
      await page.locator('.layers summary', { hasText: '10.1.0.1 → 10.1.0.9' }).waitFor()
      await page.locator('form.line select').first().selectOption(':r1')
      await page.getByRole('button', { name: 'Trace it' }).click()
      await page.locator('.chain > li').first().waitFor()
      const { status, json, text } = await exchange(
        { host: '127.0.0.1', port },
        'POST',
        '/v1/trace',
        {
          port: 'r1',
          frame: frame.toString('hex'),
        },
      )
      t.ok(status < 300, text)
      const { verdict } = json as { readonly verdict: { outcome: string; text: string } }
      t.match(
        await page.locator('.verdict .headline').innerText(),
        verdict.text,
        'both say the same',
      )
      t.same(await violations(page), [])
      await visit(page, base, '/trace?port=r1&ipDst=10.1.0.9&proto=icmp&dstMac=02:00:00:00:00:09')
      await page.getByRole('button', { name: 'Trace', exact: true }).click()
      await page.locator('.chain > li').first().waitFor()
      t.match(await page.locator('.verdict .headline').innerText(), verdict.outcome)
      clean(t, watched)
      await context.close()
    },
  )

  await t.test('no name of a stranger becomes a program', async (t) => {
    const answer = await exchange({ host: '127.0.0.1', port }, 'GET', '/', undefined, {
      accept: 'text/html',
    })
    t.match(answer.contentType, /^text\/html/)
    t.notMatch(answer.text, /<script>|style=|onclick/)
    for (const path of [
      '/assets/../../package.json',
      '/assets/%2e%2e/%2e%2e/package.json',
      '/assets/x.js',
      '/assets/',
    ]) {
      t.equal((await exchange({ host: '127.0.0.1', port }, 'GET', path)).status, 404, path)
    }
  })

  await t.test('a daemon that goes and comes back', async (t) => {
    const watched = await openPage(browser)
    const { page, context } = watched
    await visit(page, base, '/networks')
    await page.locator('tbody tr.clickable').nth(1).waitFor()
    t.equal(await daemon.stop(), 0)
    await page.getByRole('alert').filter({ hasText: 'can not be reached since' }).waitFor()
    t.equal(await page.locator('tbody tr.clickable').count(), 2, 'what was known stays')
    daemon.configure({ ...config, networks: [...config.networks, { name: 'late', vni: 10400 }] })
    await daemon.start()
    await page.getByRole('status').filter({ hasText: 'is back; it was gone from' }).waitFor()
    await page.locator('td', { hasText: 'late' }).first().waitFor()
    await daemon.http('POST', '/v1/networks', { name: 'green', vni: 10300 })
    await page.locator('td', { hasText: 'green' }).first().waitFor()
    await context.close()
  })
})

/** From the host behind r1 to the one behind the VTEP. */
const frame = Buffer.from(
  '02000000000902000000000108004500001c00010000400166d50a0100010a0100090800f7fd00010001',
  'hex',
)

/** As tcpdump writes them. */
function pcapOf(...frames: readonly Buffer[]): Buffer {
  const words = (...values: readonly number[]): Buffer =>
    Buffer.from(Uint32Array.from(values).buffer)
  const records = frames.flatMap((each) => [words(1, 2, each.length, each.length), each])
  return Buffer.concat([words(0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1), ...records])
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

interface AxeResult {
  readonly violations: readonly {
    readonly id: string
    readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[]
  }[]
}

/** What axe finds, one line each; by some of its rules, or all. */
async function violations(page: Watched['page'], rules?: readonly string[]): Promise<string[]> {
  await page.evaluate(axe)
  const found = await page.evaluate((only) => {
    const { axe: tool } = globalThis as unknown as {
      readonly axe: { run(options: object): Promise<AxeResult> }
    }
    return tool.run(only === undefined ? {} : { runOnly: only })
  }, rules)
  return found.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
  )
}
