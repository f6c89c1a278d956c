// A migration that the guest itself outlives.

import type { Test } from 'tap'

const attempts = 3

/**
 * Runs `migrate`, which answers how to judge what it saw, and again (at most three times) when the guest's kernel died after the copy.
 * Supposed: QEMU without hardware help copies memory beside running processors, and a write between two steps of that may stay behind.
 * `consoles` takes, once the migration begins, what reads the guest's console: a guest that died before it is a failure.
 */
export async function outlived(
  t: Test,
  migrate: (t: Test, consoles: (() => string)[]) => Promise<() => void>,
): Promise<void> {
  for (let attempt = 1, again = true; again; attempt++) {
    again = false
    await t.test(`migration ${attempt}`, async (t) => {
      const consoles: (() => string)[] = []
      const died = () => consoles.some((read) => /Kernel panic|Oops|protection fault/.test(read()))
      const retried = () => {
        again = attempt < attempts && died()
        if (again) t.pass('the guest died of the migration: once more')
        return again
      }
      let judge: () => void
      try {
        judge = await migrate(t, consoles)
      } catch (error) {
        if (retried()) return
        throw error
      }
      if (!retried()) judge()
    })
  }
}
