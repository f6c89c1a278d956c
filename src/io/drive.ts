// Runs a speaker: events to it one at a time, its actions to TCP and the clock, everything else to an observer.

import type { Speaker, SpeakerAction, SpeakerEvent } from '../bgp/index.js'
import { Clock } from './clock.js'
import { Tcp } from './tcp.js'

export interface DriveOptions {
  /** Sees every action, also those that are executed here. May call `dispatch`. */
  readonly onAction?: (action: SpeakerAction) => void
  /** Sees every event before the speaker does: a recording. */
  readonly onEvent?: (event: SpeakerEvent) => void
}

export interface Drive {
  readonly tcp: Tcp
  /** Hands an event to the speaker, after those that are on their way. */
  dispatch(event: SpeakerEvent): void
  /** Stops timers and listening, flushes and closes connections. Dispatch `shutdown` first to tell the peers. */
  close(): Promise<void>
}

export function drive(speaker: Pick<Speaker, 'step'>, options: DriveOptions = {}): Drive {
  const queue: SpeakerEvent[] = []
  let isRunning = false
  let isClosed = false
  const clock = new Clock((timer) => dispatch({ event: 'timer', timer }))
  const tcp = new Tcp((event) => dispatch(event))

  const perform = (action: SpeakerAction): void => {
    if (action.do === 'startTimer') clock.start(action.timer, action.seconds, action.jitter)
    else if (action.do === 'stopTimer') clock.stop(action.timer)
    else if (
      action.do === 'protect' ||
      action.do === 'connect' ||
      action.do === 'cancelConnect' ||
      action.do === 'send' ||
      action.do === 'close'
    ) {
      tcp.perform(action)
    }
    options.onAction?.(action)
  }

  const dispatch = (event: SpeakerEvent): void => {
    if (isClosed) return
    queue.push(event)
    if (isRunning) return
    isRunning = true
    try {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        options.onEvent?.(next)
        for (const action of speaker.step(next)) perform(action)
      }
    } finally {
      isRunning = false
    }
  }

  const close = async (): Promise<void> => {
    isClosed = true
    clock.stopAll()
    await tcp.close()
  }
  return { tcp, dispatch, close }
}
