// Who replicates the broadcasts of one network in our place (RFC 9574 section 5.2): as AR-LEAF we send each of them once, to a
// replicator, as long as there is one. We choose among those that have had time to learn of us; without one we replicate ourselves.

import type { Ip } from '../net/index.js'
import type { Output } from './output.js'

/** First word of the name of a timer, in front of VNI and AR-IP. */
export const REPLICATOR_TIMER = 'replicator'

/** Our part in a network. Left out of its settings: none (RNVE), we replicate what our hosts send. */
export type AssistedReplicationSettings =
  | {
      readonly role: 'leaf'
      /** A replicator gets so long to learn of us before it is used (AR-REPLICATOR-activation-timer). */
      readonly activationSeconds: number
    }
  /** We replicate for leaves what they send to our AR-IP. */
  | { readonly role: 'replicator' }

export interface ReplicationSurroundings {
  readonly out: Output
  /** Our VTEP address: leaves with different ones spread over the replicators. */
  readonly vtep: Ip
}

export class AssistedReplication {
  readonly #vni: number
  readonly #around: ReplicationSurroundings
  /** AR-IP by the key of the Replicator-AR route. */
  readonly #routes = new Map<string, Ip>()
  /** Those that have had their time. */
  readonly #ready = new Set<Ip>()
  /** Those that have not. */
  readonly #waiting = new Set<Ip>()
  /** Used by a packet path that went on forwarding: it knows us. */
  #adopted: Ip | undefined
  /** Undefined: we are no leaf. */
  #activationSeconds: number | undefined
  #chosen: Ip | undefined

  constructor(vni: number, around: ReplicationSurroundings) {
    this.#vni = vni
    this.#around = around
  }

  /** AR-IP of the replicator in use. */
  get chosen(): Ip | undefined {
    return this.#chosen
  }

  become(settings: AssistedReplicationSettings | undefined): void {
    const wasLeaf = this.#activationSeconds !== undefined
    this.#activationSeconds = settings?.role === 'leaf' ? settings.activationSeconds : undefined
    if (wasLeaf === (this.#activationSeconds !== undefined)) return
    this.#ready.clear()
    this.#waiting.clear()
    for (const replicator of new Set(this.#routes.values())) this.#await(replicator)
  }

  /** A Replicator-AR route. */
  set(key: string, replicator: Ip): void {
    if (this.#routes.get(key) === replicator) return
    this.delete(key)
    const isNew = !this.#isKnown(replicator)
    this.#routes.set(key, replicator)
    if (isNew) this.#await(replicator)
  }

  delete(key: string): void {
    const replicator = this.#routes.get(key)
    if (replicator === undefined) return
    this.#routes.delete(key)
    if (this.#isKnown(replicator)) return
    this.#ready.delete(replicator)
    this.#waiting.delete(replicator)
  }

  /** It has had its time. */
  onTimer(replicator: Ip): void {
    if (this.#waiting.delete(replicator)) this.#ready.add(replicator)
  }

  /** What a packet path that went on forwarding uses holds: it has had its time. */
  adopt(replicator: Ip | undefined): void {
    this.#adopted = replicator
  }

  /** All peers have told what they have. */
  sweep(): void {
    this.#adopted = undefined
  }

  settle(): void {
    const chosen = this.#best()
    if (chosen === this.#chosen) return
    this.#chosen = chosen
    const { out } = this.#around
    const vni = this.#vni
    out.change({ op: 'replicatorSet', vni, ...(chosen === undefined ? {} : { remote: chosen }) })
    const who = chosen === undefined ? 'ourselves, as there is no other' : chosen
    const text = `replicator of VNI ${vni}: ${who}`
    out.notice('replicator', 'info', text, { vni, replicator: chosen ?? '' })
  }

  #isKnown(replicator: Ip): boolean {
    return [...this.#routes.values()].includes(replicator)
  }

  #await(replicator: Ip): void {
    const seconds = this.#activationSeconds
    if (seconds === undefined) return
    if (seconds === 0 || replicator === this.#adopted) {
      this.#ready.add(replicator)
      return
    }
    this.#waiting.add(replicator)
    const timer = `${REPLICATOR_TIMER} ${this.#vni} ${replicator}`
    this.#around.out.add({ do: 'startTimer', timer, seconds })
  }

  /** By rendezvous hashing: one that comes or goes moves only the networks that it has or will have. */
  #best(): Ip | undefined {
    let best: { readonly replicator: Ip; readonly weight: number } | undefined
    for (const replicator of this.#ready) {
      const weight = weightOf(`${this.#around.vtep} ${this.#vni} ${replicator}`)
      const isBetter =
        best === undefined ||
        weight > best.weight ||
        (weight === best.weight && replicator < best.replicator)
      if (isBetter) best = { replicator, weight }
    }
    return best?.replicator
  }
}

/** FNV-1a, and its bits spread once more: its upper ones say little of the last letters. */
function weightOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  return (hash ^ (hash >>> 13)) >>> 0
}
