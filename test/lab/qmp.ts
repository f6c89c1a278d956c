// QEMU's monitor (QMP): commands and events as JSON lines over a unix socket.

import { createConnection, type Socket } from 'node:net'
import { until, type WaitOptions } from './wait.js'

export interface QmpEvent {
  readonly event: string
  readonly data?: Readonly<Record<string, unknown>>
  /** When it came, by performance.now(). */
  readonly at: number
}

interface Reply {
  readonly return?: unknown
  readonly error?: { readonly desc: string }
}

/** Words for QEMU that give it a monitor there. */
export const monitorWords = (path: string): string[] => ['-qmp', `unix:${path},server=on,wait=off`]

export class Qmp {
  readonly events: QmpEvent[] = []
  readonly #socket: Socket
  readonly #waiting: ((reply: Reply) => void)[] = []

  private constructor(socket: Socket) {
    this.#socket = socket
    let rest = ''
    socket.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) this.#read(JSON.parse(line) as Reply & { event?: string })
    })
    socket.on('error', () => undefined)
  }

  static async open(path: string): Promise<Qmp> {
    const socket = await until(`${path} answers`, () => connected(path), { everySeconds: 0.05 })
    const qmp = new Qmp(socket)
    await qmp.run('qmp_capabilities')
    return qmp
  }

  #read(message: Reply & { event?: string }): void {
    if (message.event !== undefined)
      this.events.push({ ...(message as unknown as QmpEvent), at: performance.now() })
    else if (message.return !== undefined || message.error !== undefined)
      this.#waiting.shift()?.(message)
  }

  /** Rejects with what QEMU says. */
  async run<T>(command: string, given: object = {}): Promise<T> {
    const { error, return: value } = await new Promise<Reply>((resolve) => {
      this.#waiting.push(resolve)
      this.#socket.write(`${JSON.stringify({ execute: command, arguments: given })}\n`)
    })
    if (error !== undefined) throw new Error(`${command}: ${error.desc}`)
    return value as T
  }

  /** Waits for an event, or answers the one that has come. */
  happened(event: string, options: WaitOptions = {}): Promise<QmpEvent> {
    return until(`QEMU says ${event}`, () => this.events.find((one) => one.event === event), {
      everySeconds: 0.002,
      ...options,
    })
  }

  close(): void {
    this.#socket.destroy()
  }
}

function connected(path: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = createConnection(path)
    socket.once('connect', () => resolve(socket))
    socket.once('error', () => resolve(undefined))
  })
}
