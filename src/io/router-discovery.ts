// Who is at the other end of a link (RFC 4861 sections 6.1 to 6.3), for peers that are named by interface: we advertise
// ourselves, as no router of anything, and hear those who do the same.

import type { Ip } from '../net/index.js'
import type { AddonIcmp6 } from './addon.js'
import { loadAddon } from './native.js'

const SOLICITATION = 133
const ADVERTISEMENT = 134
const HEADER_OCTETS = 16

/** As FRR does for such peers. */
const ADVERTISE_SECONDS = 10
/** An interface that is not there, or has no link-local address yet. */
const RETRY_SECONDS = 1
/** "MAX_INITIAL_RTR_ADVERTISEMENTS" are sent sooner (section 10). */
const INITIAL_ADVERTISEMENTS = 3
/** "MIN_DELAY_BETWEEN_RAS": whoever asks more often is not answered. */
const LEAST_SECONDS = 3

interface Link {
  socket: AddonIcmp6 | undefined
  timer: NodeJS.Timeout | undefined
  advertised: number
  /** When that was last, in milliseconds of `performance`. */
  advertisedAt: number
  /** What it failed of last, so that it is told once. */
  failure: string
}

/** What is told: a router's address, or why nothing can be heard on an interface. */
export interface DiscoveryEvents {
  onRouter(ifname: string, address: Ip): void
  onFailure(ifname: string, reason: string): void
}

export class RouterDiscovery {
  readonly #events: DiscoveryEvents
  readonly #links = new Map<string, Link>()

  constructor(events: DiscoveryEvents) {
    this.#events = events
  }

  watch(ifname: string): void {
    if (this.#links.has(ifname)) return
    const link: Link = {
      socket: undefined,
      timer: undefined,
      advertised: 0,
      advertisedAt: Number.NEGATIVE_INFINITY,
      failure: '',
    }
    this.#links.set(ifname, link)
    this.#tick(ifname, link)
  }

  unwatch(ifname: string): void {
    const link = this.#links.get(ifname)
    if (link === undefined) return
    this.#links.delete(ifname)
    clearTimeout(link.timer)
    link.socket?.close()
  }

  close(): void {
    for (const ifname of [...this.#links.keys()]) this.unwatch(ifname)
  }

  /** Opens what is not open, and advertises; again after a while. */
  #tick(ifname: string, link: Link): void {
    let seconds = link.advertised < INITIAL_ADVERTISEMENTS ? RETRY_SECONDS : ADVERTISE_SECONDS
    try {
      if (link.socket === undefined) {
        const { Icmp6 } = loadAddon()
        link.socket = new Icmp6(ifname, (bytes, source) => this.#heard(ifname, link, bytes, source))
        link.advertised = 0
        link.socket.send(message(SOLICITATION, 8))
      }
      link.socket.send(message(ADVERTISEMENT, HEADER_OCTETS))
      link.advertised++
      link.advertisedAt = performance.now()
      link.failure = ''
    } catch (error) {
      // The interface has gone, or is not ready; a new one of the same name is another one.
      link.socket?.close()
      link.socket = undefined
      seconds = RETRY_SECONDS
      const { message: reason } = error as Error
      if (reason !== link.failure) this.#events.onFailure(ifname, reason)
      link.failure = reason
    }
    link.timer = setTimeout(() => this.#tick(ifname, link), seconds * 1000)
    link.timer.unref()
  }

  #heard(ifname: string, link: Link, bytes: Uint8Array, source: Ip): void {
    if (this.#links.get(ifname) !== link) return
    if (bytes[0] === ADVERTISEMENT && bytes.length >= HEADER_OCTETS) {
      this.#events.onRouter(ifname, source)
    } else if (
      bytes[0] === SOLICITATION &&
      performance.now() - link.advertisedAt >= LEAST_SECONDS * 1000
    ) {
      clearTimeout(link.timer)
      this.#tick(ifname, link)
    }
  }
}

/** Type, and zeros: code, checksum (the kernel's), and of an advertisement a lifetime of 0: no default router. */
function message(type: number, octets: number): Uint8Array {
  const bytes = new Uint8Array(octets)
  bytes[0] = type
  return bytes
}
