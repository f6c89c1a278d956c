// Waiting for the world: polls, because kernels and foreign daemons do not tell us.

export const sleep = (seconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, seconds * 1000))

export interface WaitOptions {
  readonly seconds?: number
  readonly everySeconds?: number
  /** What the far end says of it, for the error. */
  readonly explain?: () => Promise<string>
}

/** What is told beside the last thing seen when a wait was in vain: by each daemon that runs. */
export const witnesses = new Set<() => Promise<string>>()

/**
 * Polls `probe` until it answers something truthy, and answers that. A probe that throws counts as "not yet".
 * After `seconds` (default 10) fails with `what` and the last thing seen.
 */
export async function until<T>(
  what: string,
  probe: () => Promise<T> | T,
  options: WaitOptions = {},
): Promise<NonNullable<T>> {
  const seconds = options.seconds ?? 10
  const end = Date.now() + seconds * 1000
  for (;;) {
    let seen: unknown
    try {
      const value = await probe()
      if (value) return value
      seen = value
    } catch (error) {
      seen = error instanceof Error ? error.message : error
    }
    if (Date.now() >= end) {
      const last = typeof seen === 'string' ? seen : JSON.stringify(seen)
      const asked = [...(options.explain === undefined ? [] : [options.explain]), ...witnesses]
      const told = await Promise.all(
        asked.map((ask) => ask().catch((error: unknown) => String(error))),
      )
      throw new Error(
        [`${what}: expected within ${seconds} s, last seen: ${last}`, ...told.filter(Boolean)].join(
          '\n',
        ),
      )
    }
    await sleep(options.everySeconds ?? 0.1)
  }
}
