// Starts speaker-program.ts inside a host of the lab and talks to it.

import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type {
  OriginatedRoute,
  PeerSettings,
  PeerStatus,
  RangeSettings,
  RouteNlri,
  SessionFamily,
  SpeakerAction,
  SpeakerSettings,
} from '../../../src/bgp/index.js'
import type { PathAttributes } from '../../../src/wire/index.js'
import { type Host, until } from '../../lab/index.js'
import type { Command } from './speaker-program.js'

/** A route of the loc-rib, as the program tells it. */
export interface Route {
  readonly key: string
  readonly nlri: RouteNlri
  readonly nextHop: string
  readonly attributes: PathAttributes
  readonly peer: string
  readonly paths: number
}

interface Owner {
  teardown(handler: () => Promise<void>): void
}

export class SpeakerProcess {
  readonly host: Host
  readonly actions: SpeakerAction[] = []
  readonly #child: ChildProcess
  readonly #answers = new Map<number, (value: unknown) => void>()
  #asked = 0
  #isListening = false

  private constructor(host: Host, settings: SpeakerSettings) {
    this.host = host
    const program = fileURLToPath(new URL('speaker-program.js', import.meta.url))
    const [command, ...args] = host.enter([process.execPath, program, JSON.stringify(settings)])
    this.#child = spawn(command!, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    // A program that has ended does not read any more; the test sees its exit status.
    this.#child.stdin!.on('error', () => undefined)
    createInterface({ input: this.#child.stdout! }).on('line', (line) => this.#line(line))
  }

  /** Starts a speaker and lets it listen on port 179. Ends with the test, before its lab. */
  static async start(
    t: Owner,
    host: Host,
    settings: Omit<SpeakerSettings, 'routerId'>,
    address = '0.0.0.0',
  ): Promise<SpeakerProcess> {
    const speaker = new SpeakerProcess(host, { routerId: host.vtep4, ...settings })
    t.teardown(() => speaker.stop())
    speaker.#write({ listen: { address, port: 179 } })
    await until(`speaker in ${host.name} listens`, () => speaker.#isListening)
    return speaker
  }

  peer(address: string, asn: PeerSettings['asn'], more: Partial<PeerSettings> = {}): void {
    const peer: PeerSettings = {
      id: address,
      address,
      asn,
      families: ['evpn'],
      updateSource: this.host.vtep4,
      connectRetrySeconds: 1,
      holdTimeSeconds: 9,
      ...more,
    }
    this.#write({ event: { event: 'peerAdded', peer } })
  }

  range(range: RangeSettings): void {
    this.#write({ event: { event: 'rangeAdded', range } })
  }

  originate(...routes: readonly OriginatedRoute[]): void {
    this.#write({ event: { event: 'originate', routes } })
  }

  withdraw(...routes: readonly OriginatedRoute[]): void {
    this.#write({ event: { event: 'withdraw', routes } })
  }

  clear(peer: string, soft?: 'in' | 'out', communication?: string): void {
    this.#write({
      event: {
        event: 'clear',
        peer,
        ...(soft === undefined ? {} : { soft }),
        ...(communication === undefined ? {} : { communication }),
      },
    })
  }

  peers(): Promise<PeerStatus[]> {
    return this.#ask('peers')
  }

  routes(family: SessionFamily = 'evpn'): Promise<Route[]> {
    return this.#ask(family)
  }

  async established(peer: string, far?: { state(): Promise<string> }): Promise<PeerStatus> {
    return until(
      `${this.host.name}: session with ${peer}`,
      async () =>
        (await this.peers()).find(({ id, state }) => id === peer && state === 'Established'),
      {
        seconds: 20,
        explain: async () => [...this.logs().slice(-5), (await far?.state()) ?? ''].join('\n'),
      },
    )
  }

  /** Waits for a route whose key has the text. */
  route(text: string, also: (route: Route) => boolean = () => true): Promise<Route> {
    return until(`${this.host.name}: a route with ${text}`, async () =>
      (await this.routes()).find((route) => route.key.includes(text) && also(route)),
    )
  }

  async noRoute(text: string): Promise<void> {
    await until(`${this.host.name}: no route with ${text}`, async () =>
      (await this.routes()).every(({ key }) => !key.includes(text)),
    )
  }

  logs(): string[] {
    return this.actions.flatMap((action) => (action.do === 'log' ? [action.text] : []))
  }

  /** Says goodbye to the peers and ends. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = new Promise((resolve) => this.#child.once('exit', resolve))
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 7000)
    this.#child.stdin!.end()
    await ended
    clearTimeout(timer)
  }

  #ask<T>(what: 'peers' | SessionFamily): Promise<T> {
    const ask = ++this.#asked
    return new Promise((resolve) => {
      this.#answers.set(ask, (value) => resolve(value as T))
      this.#write({ ask, what })
    })
  }

  #write(command: Command): void {
    this.#child.stdin!.write(`${JSON.stringify(command)}\n`)
  }

  #line(line: string): void {
    const value = JSON.parse(line) as
      | SpeakerAction
      | { readonly listening: true }
      | { readonly answer: number; readonly value: unknown }
    if ('listening' in value) this.#isListening = true
    else if ('answer' in value) {
      this.#answers.get(value.answer)?.(value.value)
      this.#answers.delete(value.answer)
    } else this.actions.push(value)
  }
}
