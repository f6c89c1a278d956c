// A daemon that wants a token: the dashboard asks for it, and shows what its role may do.

import t from 'tap'
import { Daemon, freePort } from '../host/daemon.js'
import { chromiumMissing, openPage, startBrowser } from './browser.js'

t.setTimeout(60_000)

t.test(
  'a token opens the dashboard, as far as its role goes',
  { skip: chromiumMissing() },
  async (t) => {
    const port = freePort()
    const base = `http://127.0.0.1:${port}/`
    const daemon = new Daemon(t, {
      asn: 65000,
      vtep: { address: '127.0.0.1', uplink: 'udp', udpPort: freePort() },
      api: { listen: `127.0.0.1:${port}`, authenticate: true },
      bgp: { neighbors: [{ address: '127.0.0.7', asn: 65007, port: freePort() }] },
    })
    await daemon.start()
    const browser = await startBrowser(t)
    for (const role of ['read', 'operator']) {
      const token = (await daemon.cli('token', 'create', `a-${role}`, '--role', role)).stdout.trim()
      const { page, context } = await openPage(browser)
      await page.goto(`${base}#/peers?open=127.0.0.7`)
      await page.getByRole('heading', { name: 'Log in' }).waitFor()
      t.notMatch(await page.content(), '127.0.0.7', 'nothing is told before')
      await page.getByLabel('Token').fill('wrong')
      await page.getByRole('button', { name: 'Log in' }).click()
      await page.getByRole('alert').filter({ hasText: 'does not know this token' }).waitFor()
      await page.getByLabel('Token').fill(token)
      await page.getByRole('button', { name: 'Log in' }).click()
      await page.locator('aside.details').waitFor()
      const controls = page.getByRole('button', { name: 'Restart the session' })
      if (role === 'operator') await controls.waitFor()
      else await page.getByText('read-only').waitFor()
      t.equal(await controls.count(), role === 'operator' ? 1 : 0, role)
      await page.reload()
      await page.locator('aside.details').waitFor()
      await context.close()
    }
  },
)
