// How much of something a port may send.

const SECOND = 1_000_000_000n

/** A bucket of tokens for each port, as native/core/storm.hpp has it. */
export function admit(
  buckets: Map<number, bigint>,
  port: number,
  perSecond: number,
  burst: number,
  seconds: number,
): boolean {
  if (perSecond === 0) return true
  const now = BigInt(seconds) * SECOND
  const interval = SECOND / BigInt(perSecond)
  const room = interval * BigInt(Math.max(burst - 1, 0))
  const before = buckets.get(port) ?? 0n
  const fullAt = before < now ? now : before
  const admitted = fullAt - now <= room
  const empty = now + room + interval
  buckets.set(port, admitted ? fullAt + interval : fullAt < empty ? fullAt : empty)
  return admitted
}
