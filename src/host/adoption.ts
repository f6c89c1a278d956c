// When what was found after a restart may be swept: all peers have said that they have sent everything, or the time for
// it is over (RFC 4724 section 4.1, "Selection_Deferral_Timer").

export const SWEEP_SECONDS = 30

export class Adoption {
  readonly #waiting: Set<string>
  #done: (() => void) | undefined

  /** `done` is called once; at once when there is nobody to wait for. */
  constructor(peers: Iterable<string>, done: () => void) {
    this.#waiting = new Set(peers)
    this.#done = done
  }

  /** Call when the peers have been told to connect. */
  begin(): void {
    if (this.#waiting.size === 0) this.finish()
  }

  /** End-of-RIB for the EVPN family, or the peer is no longer wanted. */
  heard(peer: string): void {
    if (this.#waiting.delete(peer)) this.begin()
  }

  finish(): void {
    const done = this.#done
    this.#done = undefined
    done?.()
  }
}
