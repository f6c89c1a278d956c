// With real tenants: a MAC that is learned and rates that move are seen on pages that were open before.

import { join } from 'node:path'
import { test } from 'tap'
import { missing, openGate, ping, routedFabric, startVtep, until } from '../lab/index.js'
import { chromiumMissing, openPage, startBrowser, visit } from './browser.js'

const skip = missing('fping') || chromiumMissing()

test('what tenants do is seen at once', { skip, timeout: 100_000 }, async (t) => {
  const { hosts } = await routedFabric(t, { hosts: 1 })
  const host = hosts[0]!
  const ports = [{ name: 'vm1' }, { name: 'vm2' }]
  const vm1 = await host.tenant('vm1', {
    mac: '02:00:00:00:00:01',
    ip4: '10.1.0.1/24',
    ipv6: false,
  })
  await host.tenant('vm2', { mac: '02:00:00:00:00:02', ip4: '10.1.0.2/24', ipv6: false })
  const vtep = await startVtep(host, {
    asn: 65000,
    vtep: { address: host.vtep4 },
    networks: [{ name: 'blue', vni: 10100, ports }],
  })
  const gate = await openGate(join(vtep.runtimeDir, 'api.sock'))
  t.teardown(() => gate.close())
  const browser = await startBrowser(t)
  const [macs, rates] = await Promise.all([openPage(browser), openPage(browser)])
  await visit(macs.page, gate.url, '/macs')
  await macs.page.getByText('No MAC is known yet.').waitFor()
  await visit(rates.page, gate.url, '/rates')
  await rates.page.locator('td', { hasText: 'vm1' }).first().waitFor()

  const pinged = ping(vm1, '10.1.0.2', { count: 250, intervalSeconds: 0.02 })
  for (const mac of ['02:00:00:00:00:01', '02:00:00:00:00:02'])
    await macs.page.locator('td', { hasText: mac }).waitFor({ timeout: 8000 })
  // Fifty frames each way and second; the fast path counts like the workers.
  await until('rates move', async () => {
    const seen = await rates.page
      .locator('tr', { hasText: 'vm1' })
      .first()
      .locator('td.number')
      .allInnerTexts()
    return seen.slice(0, 2).every((text) => Number.parseFloat(text) > 10)
  })
  const told = await rates.page
    .getByRole('img', { name: /^Frames: from tenants/ })
    .getAttribute('aria-label')
  t.match(told, /from tenants \d+/, 'the plot says its newest values')
  t.notMatch(told, /from tenants 0 /)
  t.ok(await rates.page.locator('.plot canvas').count(), 'lines are drawn')
  await pinged
  await macs.page.locator('tbody tr.clickable').first().click()
  await macs.page.locator('aside .event', { hasText: 'macLearned' }).first().waitFor()
  t.same([...macs.problems, ...rates.problems], [])
})
