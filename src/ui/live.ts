// What keeps the dashboard live: the status every two seconds, events as they happen, and whether the daemon is there at all.

import { useEffect, useRef, useState } from 'preact/hooks'
import type { EventView, StatusView, ViewName } from '../host/views/index.js'
import { ApiError, ask, askJson } from './api.js'
import { readStream } from './event-stream.js'
import { Signal, useSignal } from './signal.js'

/** locked: the daemon wants a token. */
export type Connection = 'connecting' | 'online' | 'gone' | 'locked'
/** unknown: the daemon does not say, so nothing is offered that changes something. */
export type Role = 'read' | 'operator' | 'unknown'

export const connection = new Signal<Connection>('connecting')
/** Milliseconds since 1970 of the last change of `connection`. */
export const connectionSince = new Signal(Date.now())
export const status = new Signal<StatusView | undefined>(undefined)
export const role = new Signal<Role>('unknown')
/** Grows each time that the daemon is back: what was read before is read again. */
export const epoch = new Signal(0)

export type EventListener = (event: EventView) => void
const listeners = new Set<EventListener>()

/** Calls `listener` for every event from now on; the answer ends it. */
export function onEvent(listener: EventListener): () => void {
  listeners.add(listener)
  return () => void listeners.delete(listener)
}

const POLL_MILLISECONDS = 2000
const STATUS_TIMEOUT_MILLISECONDS = 5000
let stream: AbortController | undefined

function become(next: Connection): void {
  if (connection.value === next) return
  const back = next === 'online'
  connection.value = next
  connectionSince.value = Date.now()
  if (!back) return
  epoch.value += 1
  void readRole()
  listen()
}

async function poll(): Promise<void> {
  try {
    const signal = AbortSignal.timeout(STATUS_TIMEOUT_MILLISECONDS)
    status.value = await askJson<StatusView>('v1/status', { signal })
    become('online')
  } catch (error) {
    const code = error instanceof ApiError ? error.status : 0
    if (code === 401) become('locked')
    else become('gone')
  }
}

export function startLive(): void {
  const round = async (): Promise<void> => {
    if (!document.hidden) await poll()
    setTimeout(round, POLL_MILLISECONDS)
  }
  void round()
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) void poll()
  })
}

async function readRole(): Promise<void> {
  try {
    const { role: told } = await askJson<{ readonly role: string }>('v1/session')
    role.value = told === 'operator' ? 'operator' : 'read'
  } catch {
    role.value = 'unknown'
  }
}

/** Logs in with a token. Throws ApiError. */
export async function openSession(token: string): Promise<void> {
  await ask('v1/session', { method: 'POST', body: { token } })
  await poll()
}

/** From now on, or from where the last event was heard. */
function listen(): void {
  stream?.abort()
  const mine = new AbortController()
  stream = mine
  const from = (): string => (lastSequence === undefined ? '' : `?since=${lastSequence}`)
  const run = async (): Promise<void> => {
    while (!mine.signal.aborted && connection.value === 'online') {
      try {
        await readStream(`v1/events${from()}`, mine.signal, hear)
      } catch {
        // Cut off, or let go as too slow; the status says whether the daemon is there.
      }
      if (mine.signal.aborted) return
      await new Promise((resolve) => setTimeout(resolve, POLL_MILLISECONDS / 2))
    }
  }
  void run()
}

let lastSequence: number | undefined

function hear(data: string): void {
  const event = JSON.parse(data) as EventView
  lastSequence = event.sequence
  for (const listener of listeners) listener(event)
}

/** What a page reads: a view with its filters, or another path below v1/. */
export interface Read<T> {
  readonly data: T | undefined
  readonly error: ApiError | undefined
  /** Milliseconds since 1970 of the last answer; 0 before the first. */
  readonly at: number
  /** Reads at once. */
  refresh(): void
}

const SHARE = 20
const MIN_MILLISECONDS = 2000
const EVENT_MILLISECONDS = 300

/**
 * Reads `path` now, when the daemon is back, soon after an event that `concerns` it, and now and then. Reading takes at most a
 * twentieth of the time, so that a large table on a slow host does not keep the daemon busy.
 */
export function useRead<T>(
  path: string | undefined,
  concerns?: (event: EventView) => boolean,
  everyMilliseconds = MIN_MILLISECONDS,
): Read<T> {
  const [state, setState] = useState<{ data?: T; error?: ApiError; at: number; of?: string }>({
    at: 0,
  })
  const now = useRef<() => void>(() => undefined)
  const again = useSignal(epoch)
  useEffect(() => {
    if (path === undefined) return
    let ended = false
    let timer: ReturnType<typeof setTimeout> | undefined
    let due = 0
    let last = ''
    let cost = 0
    let busy = false
    const plan = (milliseconds: number): void => {
      const at = Date.now() + milliseconds
      if (timer !== undefined && due <= at) return
      clearTimeout(timer)
      due = at
      timer = setTimeout(round, milliseconds)
    }
    const round = async (): Promise<void> => {
      timer = undefined
      if (busy) return
      if (document.hidden) return plan(MIN_MILLISECONDS)
      busy = true
      const started = performance.now()
      try {
        const text = await ask(path)
        if (ended) return
        const fresh = text !== last
        last = text
        // Rows that are as they were are not drawn again.
        setState((before) => ({
          ...(fresh || before.of !== path ? { data: JSON.parse(text) as T } : before),
          of: path,
          at: Date.now(),
        }))
      } catch (error) {
        if (ended) return
        const failure = error instanceof ApiError ? error : new ApiError(0, String(error))
        setState((before) => ({
          ...(before.of === path ? before : {}),
          of: path,
          at: Date.now(),
          error: failure,
        }))
        // What this daemon does not know it will not know in two seconds.
        if (failure.status === 404) return
      }
      busy = false
      cost = performance.now() - started
      plan(Math.max(everyMilliseconds, cost * SHARE))
    }
    now.current = () => void round()
    void round()
    const stop = onEvent((event) => {
      if (concerns?.(event) === true) plan(Math.max(EVENT_MILLISECONDS, cost * SHARE))
    })
    return () => {
      ended = true
      clearTimeout(timer)
      stop()
    }
  }, [path, again])
  const own = state.of === path
  return {
    data: own ? state.data : undefined,
    error: own ? state.error : undefined,
    at: own ? state.at : 0,
    refresh: () => now.current(),
  }
}

/** A view of the daemon, filtered by it. `query` is what follows the question mark; nothing is read unless `wanted`. */
export function useView<T>(name: ViewName, query = '', wanted = true): Read<readonly T[]> {
  const path = `v1/${name}${query === '' ? '' : `?${query}`}`
  return useRead<readonly T[]>(wanted ? path : undefined, (event) =>
    (eventsOf[name] ?? never).test(event.kind),
  )
}

const never = /^$/

/** After which events a view is read again at once. */
const eventsOf: Partial<Record<ViewName, RegExp>> = {
  macs: /^(mac|neighbour|route|resync|swept|network|port)/,
  routes: /^(route|peer|swept|mac|network)/,
  peers: /^(peer|bfd)/,
  networks: /^(network|port|route|mac)/,
  ports: /^(port|network)/,
  vteps: /^(remote|route|peer)/,
  vrfs: /^(vrf|route)/,
  segments: /^(segment|port|route)/,
}
