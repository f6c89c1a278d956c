// Rates of ports and drops while the dashboard is open: the differences of counters, one sample every two seconds.

import type { DropView, PortView } from '../host/views/index.js'
import { askJson } from './api.js'
import { connection, epoch } from './live.js'
import { Signal } from './signal.js'

export interface PortRate {
  readonly ifname: string
  readonly network: string
  /** Per second. */
  readonly rxFrames: number
  readonly txFrames: number
  /** Bits per second. */
  readonly rxBits: number
  readonly txBits: number
  /** Frames per second. */
  readonly dropped: number
}

export interface Sample {
  /** Seconds since 1970. */
  readonly time: number
  readonly ports: ReadonlyMap<string, PortRate>
  /** Frames per second, by reason; reasons without any are left out. */
  readonly drops: ReadonlyMap<string, number>
}

const EVERY_MILLISECONDS = 2000
/** Ten minutes. */
const KEPT = 300
const SHARE = 20

/** Oldest first. */
export const samples = new Signal<readonly Sample[]>([])

interface Counters {
  readonly at: number
  readonly epoch: number
  readonly ports: readonly PortView[]
  readonly drops: readonly DropView[]
}

async function read(): Promise<Counters> {
  const [ports, drops] = await Promise.all([
    askJson<readonly PortView[]>('v1/ports'),
    askJson<readonly DropView[]>('v1/drops'),
  ])
  return { at: performance.now(), epoch: epoch.value, ports, drops }
}

/** A counter that has gone back was started anew: nothing can be said of the time between. */
const rate = (now: number, before: number | undefined, seconds: number): number =>
  before === undefined || now < before ? 0 : (now - before) / seconds

function between(before: Counters, now: Counters): Sample {
  const seconds = (now.at - before.at) / 1000
  const old = new Map(before.ports.map((port) => [port.ifname, port]))
  const ports = now.ports.map((port): [string, PortRate] => {
    const was = old.get(port.ifname)
    return [
      port.ifname,
      {
        ifname: port.ifname,
        network: port.network,
        rxFrames: rate(port.rxFrames, was?.rxFrames, seconds),
        txFrames: rate(port.txFrames, was?.txFrames, seconds),
        rxBits: 8 * rate(port.rxBytes, was?.rxBytes, seconds),
        txBits: 8 * rate(port.txBytes, was?.txBytes, seconds),
        dropped: rate(
          port.rxDropped + port.txDropped,
          was === undefined ? undefined : was.rxDropped + was.txDropped,
          seconds,
        ),
      },
    ]
  })
  const oldDrops = new Map(before.drops.map(({ reason, count }) => [reason, count]))
  const drops = now.drops
    .map(({ reason, count }): [string, number] => [
      reason,
      rate(count, oldDrops.get(reason), seconds),
    ])
    .filter(([, perSecond]) => perSecond > 0)
  return { time: Date.now() / 1000, ports: new Map(ports), drops: new Map(drops) }
}

/** Samples for as long as the page is open and seen. */
export function startSampling(): void {
  let before: Counters | undefined
  const round = async (): Promise<void> => {
    const started = performance.now()
    if (connection.value === 'online' && !document.hidden) {
      try {
        const now = await read()
        if (before !== undefined && before.epoch === now.epoch)
          samples.value = [...samples.value, between(before, now)].slice(-KEPT)
        before = now
      } catch {
        before = undefined
      }
    } else before = undefined
    const cost = performance.now() - started
    setTimeout(round, Math.max(EVERY_MILLISECONDS - cost, cost * SHARE))
  }
  void round()
}
