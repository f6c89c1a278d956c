// Ten thousand MACs behind four hundred VTEPs, and four: the dashboard stays quick, and its picture readable.

import t from 'tap'
import { Daemon, freePort } from '../host/daemon.js'
import { until } from '../lab/index.js'
import {
  chromiumMissing,
  longestTask,
  openPage,
  startBrowser,
  visit,
  type Watched,
} from './browser.js'

t.setTimeout(120_000)

const vteps = 400
const macsPerVtep = 25
/** A hundred milliseconds are seen, five hundred are felt; a busy machine is slow by itself. */
const longestMilliseconds = 500

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')
const macOf = (vtep: number, n: number): string =>
  `02:00:${hex(vtep >> 8, 2)}:${hex(vtep & 255, 2)}:00:${hex(n, 2)}`
const addressOf = (vtep: number): string =>
  `127.${1 + Math.floor(vtep / 100)}.0.${1 + (vtep % 100)}`

async function start(
  t: { teardown(handler: () => Promise<void>): void },
  count: number,
): Promise<string> {
  const port = freePort()
  const remotes = Array.from({ length: count }, (_, vtep) => ({
    address: addressOf(vtep),
    macs: Array.from({ length: macsPerVtep }, (_, n) => macOf(vtep, n)),
  }))
  const daemon = new Daemon(t, {
    asn: 65000,
    vtep: { address: '127.0.0.1', uplink: 'udp', udpPort: freePort() },
    api: { listen: `127.0.0.1:${port}` },
    networks: [{ name: 'blue', vni: 10100, ports: [{ name: 'r1', kind: 'ring' }], remotes }],
  })
  await daemon.start()
  return `http://127.0.0.1:${port}/`
}

t.test('many', { skip: chromiumMissing() }, async (t) => {
  const base = await start(t, vteps)
  const browser = await startBrowser(t)

  await t.test('10 000 MACs without jank', async (t) => {
    const { page, context, problems } = await openPage(browser)
    await visit(page, base, '/macs')
    await page.locator('output.amount', { hasText: '10\u202f000' }).waitFor()
    const rows = (): Promise<number> => page.locator('.scroller tbody tr').count()
    t.ok((await rows()) <= 200, `${await rows()} rows in the document`)
    const loaded = await longestTask(page)
    t.ok(loaded < longestMilliseconds, `loading: longest task ${loaded} ms`)
    // Through all of them, as fast as one can.
    const gap = await page.evaluate<number>(scrollThrough)
    t.ok(gap < longestMilliseconds, `scrolling: longest frame ${gap} ms`)
    t.ok((await rows()) <= 200)
    await page.locator('td', { hasText: macOf(vteps - 1, macsPerVtep - 1) }).waitFor()
    await page.locator('[data-search]').fill('02:00:01:0')
    await until('selected', async () =>
      /^400 of/.test(await page.locator('output.amount').innerText()),
    )
    await page.getByRole('button', { name: 'MAC', exact: true }).click()
    await page.getByRole('button', { name: 'Where' }).click()
    await page.locator('th[aria-sort=ascending]', { hasText: 'Where' }).waitFor()
    const used = await longestTask(page)
    t.ok(used < longestMilliseconds, `scrolling, searching, sorting: longest task ${used} ms`)
    t.same(problems, [])
    await context.close()
  })

  await t.test('400 VTEPs: no text over another, and each can be found', async (t) => {
    for (const width of [1280, 390]) {
      const watched = await openPage(browser, { width })
      const { page, context, problems } = watched
      await visit(page, base, '/topology')
      await page
        .locator('.topology .tile')
        .nth(vteps - 1)
        .waitFor()
      t.equal(await page.locator('.topology .tile').count(), vteps)
      t.same(await overlaps(page), [], `${width} pixels`)
      const longest = await longestTask(page)
      t.ok(longest < longestMilliseconds, `longest task ${longest} ms`)
      await page.locator('[data-search]').fill(addressOf(vteps - 1))
      await page.locator('.topology .card', { hasText: addressOf(vteps - 1) }).waitFor()
      t.equal(await page.locator('.topology .tile').count(), 0, 'what is found has words')
      await page.getByRole('button', { name: 'Larger' }).click()
      t.match(page.url(), 'zoom=1.5')
      t.same(problems, [])
      await context.close()
    }
  })
})

t.test('four VTEPs', { skip: chromiumMissing() }, async (t) => {
  const base = await start(t, 4)
  const browser = await startBrowser(t)
  for (const width of [1280, 390]) {
    const { page, context } = await openPage(browser, { width })
    await visit(page, base, '/topology')
    await page.locator('.topology .card', { hasText: addressOf(3) }).waitFor()
    t.same(await overlaps(page), [], `${width} pixels`)
    await context.close()
  }
})

/** Pairs of texts of the picture that cover each other. */
const overlaps = (page: Watched['page']): Promise<string[]> => page.evaluate<string[]>(findOverlaps)

// Programs of the page, whose world is not that of this file. The longest time between two frames, in milliseconds:
const scrollThrough = `(async () => {
  const box = document.querySelector('.scroller')
  let last = performance.now()
  let longest = 0
  for (let step = 0; step <= 100; step++) {
    box.scrollTop = (box.scrollHeight * step) / 100
    await new Promise(requestAnimationFrame)
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
  }
  return longest
})()`

const findOverlaps = `(() => {
  const texts = [...document.querySelectorAll('.topology text')].map((text) => ({
    words: text.textContent,
    box: text.getBoundingClientRect(),
  }))
  const over = (a, b) =>
    a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 3 && b.top < a.bottom - 3
  return texts.flatMap((a, i) =>
    texts.slice(i + 1).filter((b) => over(a.box, b.box)).map((b) => a.words + ' / ' + b.words),
  )
})()`
