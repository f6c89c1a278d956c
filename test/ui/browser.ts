// Debian's Chromium, driven by playwright-core: pages that remember what went wrong on them.

import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { findProgram } from '../lab/index.js'

/** False when it is there, or the reason to skip. */
export const chromiumMissing = (): string | false =>
  findProgram('chromium') === undefined ? 'not installed: chromium (npm run setup -- test)' : false

export interface Owner {
  teardown(handler: () => Promise<void>): void
}

/** Ends with its owner. */
export async function startBrowser(owner: Owner): Promise<Browser> {
  const executablePath = findProgram('chromium')
  if (executablePath === undefined) throw new Error('chromium: not installed')
  const browser = await chromium.launch({
    executablePath,
    // Its own sandbox does not work for root, and /dev/shm may be small.
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
  })
  owner.teardown(() => browser.close())
  return browser
}

export interface Watched {
  readonly page: Page
  readonly context: BrowserContext
  /** Errors of the console, exceptions, and what the content security policy refused. */
  readonly problems: string[]
}

export interface Look {
  readonly width?: number
  readonly height?: number
  readonly theme?: 'light' | 'dark'
}

export async function openPage(
  browser: Browser,
  { width = 1280, height = 800, theme = 'light' }: Look = {},
): Promise<Watched> {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme })
  const page = await context.newPage()
  const problems: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(`${message.text()} ${message.location().url}`)
  })
  page.on('pageerror', (error) => problems.push(String(error)))
  await page.addInitScript(watch)
  return { page, context, problems }
}

/** Runs in the page: how long its one thread was busy at a stretch. Node's types do not know that kind of entry. */
function watch(): void {
  const tasks: number[] = []
  Object.assign(globalThis, { tasks })
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) tasks.push(entry.duration)
  }).observe({ type: 'longtask' as 'mark', buffered: true })
}

/** The longest task so far, in milliseconds, and begins anew. */
export const longestTask = (page: Page): Promise<number> =>
  page.evaluate(() => {
    const { tasks } = globalThis as unknown as { readonly tasks: number[] }
    return Math.max(0, ...tasks.splice(0))
  })

/** Goes to a page of the dashboard, and waits for its heading. */
export async function visit(
  page: Page,
  base: string,
  place: string,
  heading?: string,
): Promise<void> {
  await page.goto(`${base}#${place}`)
  const title = page.locator('main h1')
  await (heading === undefined ? title : title.filter({ hasText: heading })).waitFor()
}
