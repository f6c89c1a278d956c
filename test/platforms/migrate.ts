// Live migration between two QEMUs without hardware help that leaves the guest whole.

import { type Qmp, until } from '../lab/index.js'

interface Migration {
  readonly status: string
  readonly ram: {
    readonly total: number
    readonly remaining: number
    readonly 'dirty-sync-count': number
  }
}

/**
 * Moves a running guest to the QEMU that listens at `uri`, and answers how often the memory that changed was looked up.
 *
 * QEMU's emulation may lose what a running processor writes while that is looked up (seen: guests whose kernel lists were torn after it;
 * see commit 9458a9a1df1a of QEMU for a race that it knew). So it is looked up twice, each time while the guest stands: at the
 * beginning, and when most is copied and the guest goes on at the other side, whose memory then comes when it asks for it (postcopy).
 * When this answers the guest runs there; `whole` waits until it needs its old host no more.
 */
export async function migrateLive(
  source: Qmp,
  target: Qmp,
  uri: string,
): Promise<{ whole: () => Promise<{ lookups: number }> }> {
  const copy = () => source.run<Migration>('query-migrate')
  for (const monitor of [source, target])
    await monitor.run('migrate-set-capabilities', {
      capabilities: [{ capability: 'postcopy-ram', state: true }],
    })
  // A limit that is never met: otherwise it ends by itself, with one more look while the guest runs.
  await source.run('migrate-set-parameters', { 'max-bandwidth': 1 << 28, 'downtime-limit': 1 })
  await source.run('stop')
  await source.run('migrate', { uri })
  await until('the copy has begun', async () => (await copy()).status === 'active', {
    everySeconds: 0.002,
  })
  await source.run('cont')
  await until(
    'most is copied',
    async () => {
      const { ram } = await copy()
      return ram.remaining < ram.total * 0.4
    },
    { everySeconds: 0.005, seconds: 30 },
  )
  await source.run('migrate-start-postcopy')
  return {
    whole: async () => {
      const { ram } = await until('the guest needs its old host no more', async () => {
        const now = await copy()
        return now.status === 'completed' ? now : undefined
      })
      return { lookups: ram['dirty-sync-count'] }
    },
  }
}
