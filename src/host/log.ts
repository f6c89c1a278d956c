// The log on standard error: every event as a line. JSON for journald and files, plain words for a terminal.

import { type Logger, pino } from 'pino'
import type { EventLevel, EventLog } from './events.js'

export interface LogSettings {
  readonly level: EventLevel
  /** Where lines go; standard error of the daemon. */
  readonly stream: NodeJS.WritableStream & { readonly isTTY?: boolean }
}

export interface Log {
  setLevel(level: EventLevel): void
}

/** Writes the events of `events` from now on. */
export function logEvents(events: EventLog, { level, stream }: LogSettings): Log {
  const logger: Logger = pino(
    {
      level,
      base: null,
      messageKey: 'text',
      timestamp: false,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream.isTTY === true ? { write: (line: string) => stream.write(plain(line)) } : stream,
  )
  events.subscribe(({ level: eventLevel, time, kind, text, fields }) =>
    logger[eventLevel]({ time, kind, ...fields }, text),
  )
  return {
    setLevel: (next) => {
      logger.level = next
    },
  }
}

function plain(line: string): string {
  const { time, level, text } = JSON.parse(line) as Record<string, string>
  const mark = level === 'info' ? '' : `${level}: `
  return `${time?.slice(11, 19)} ${mark}${text}\n`
}
