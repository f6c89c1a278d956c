// What one step has to say, gathered and told at once: of several words about a route only the last.

import type { Image, Operation } from '../fib/index.js'
import { type EvpnRoute, evpnKey } from '../wire/index.js'
import type { EvpnAction, Notice, NoticeKind, OriginatedRoute, WithdrawnRoute } from './events.js'

/** So many different complaints are remembered, so that none is told twice. */
const COMPLAINTS = 1024

export class Output {
  readonly #image: Image
  readonly #complaints = new Set<string>()
  #operations: Operation[] = []
  #routes = new Map<string, OriginatedRoute | WithdrawnRoute>()
  #others: EvpnAction[] = []

  constructor(image: Image) {
    this.#image = image
  }

  /** Changes the image, and the tables where that makes a difference. */
  change(operation: Operation): void {
    if (this.#image.change(operation)) this.#operations.push(operation)
  }

  /** As `change`, but the tables are told in any case: they may differ from the image. */
  force(operation: Operation): void {
    this.#image.change(operation)
    this.#operations.push(operation)
  }

  /** Tells the tables what the image does not know: what they learned, or what makes them equal to it. */
  tell(operations: readonly Operation[]): void {
    for (const operation of operations) this.#operations.push(operation)
  }

  /** The same, without what this step has told already; how many were new. */
  tellNew(operations: readonly Operation[]): number {
    const told = new Set(this.#operations.map((operation) => JSON.stringify(operation)))
    const before = this.#operations.length
    this.tell(operations.filter((operation) => !told.has(JSON.stringify(operation))))
    return this.#operations.length - before
  }

  /** So many operations were told in this step. */
  get operations(): number {
    return this.#operations.length
  }

  originate(route: OriginatedRoute): void {
    this.#routes.set(evpnKey(route.nlri), route)
  }

  withdraw(nlri: EvpnRoute): void {
    this.#routes.set(evpnKey(nlri), { family: 'evpn', nlri })
  }

  add(action: EvpnAction): void {
    this.#others.push(action)
  }

  notice(kind: NoticeKind, level: Notice['level'], text: string, fields: Notice['fields']): void {
    this.#others.push({ do: 'event', kind, level, text, fields })
  }

  /** A notice that is told once, however often its cause comes back. */
  complain(kind: NoticeKind, text: string, fields: Notice['fields']): void {
    const key = `${kind}|${text}`
    if (this.#complaints.has(key)) return
    if (this.#complaints.size === COMPLAINTS) this.#complaints.clear()
    this.#complaints.add(key)
    this.notice(kind, 'warn', text, fields)
  }

  /** Everything since the last time: tables first, then routes, then the rest. */
  take(): readonly EvpnAction[] {
    const actions: EvpnAction[] = []
    if (this.#operations.length > 0) actions.push({ do: 'apply', operations: this.#operations })
    const originated: OriginatedRoute[] = []
    const withdrawn: WithdrawnRoute[] = []
    for (const route of this.#routes.values()) {
      if ('attributes' in route) originated.push(route)
      else withdrawn.push(route)
    }
    if (originated.length > 0) actions.push({ do: 'originate', routes: originated })
    if (withdrawn.length > 0) actions.push({ do: 'withdraw', routes: withdrawn })
    for (const action of this.#others) actions.push(action)
    this.#operations = []
    this.#routes = new Map()
    this.#others = []
    return actions
  }
}
