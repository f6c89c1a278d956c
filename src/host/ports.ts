// The ports that should be open, and what became of them. A port is known by its name; its id is the dataplane's.

import type { PortSegment, PortSpec, PortState } from '../fib/index.js'
import type { PlacedPort } from './effective.js'
import { reasonOf } from './instance/index.js'
import type { PacketPath } from './packet-path.js'

export interface HeldPort {
  readonly port: PlacedPort
  /** Undefined while it is missing. */
  readonly id: number | undefined
  /** Why it is missing; else empty. */
  readonly reason: string
  /** What a dataplane that was adopted lets pass there, when it leads to an Ethernet segment. */
  readonly found?: PortSegment
}

/** As the dataplane knows it. */
export function specOf({ name, kind, texts }: PlacedPort): PortSpec {
  return { name, kind, options: texts }
}

export class Ports {
  readonly #path: PacketPath
  readonly #held = new Map<string, HeldPort>()

  constructor(path: PacketPath) {
    this.#path = path
  }

  /** All that should be open, by name. */
  get held(): ReadonlyMap<string, HeldPort> {
    return this.#held
  }

  byId(id: number): HeldPort | undefined {
    for (const held of this.#held.values()) if (held.id === id) return held
    return undefined
  }

  /**
   * Takes over the ports of a dataplane that was running: same name, kind and options means the same port, and no
   * frame of it is lost. Others are closed.
   */
  async adopt(wanted: readonly PlacedPort[], ports: readonly PortState[]): Promise<void> {
    const byName = new Map(wanted.map((port) => [port.name, port]))
    for (const found of ports) {
      const port = byName.get(found.name)
      if (port !== undefined && sameSpec(specOf(port), found)) {
        const segment = found.segment === undefined ? {} : { found: found.segment }
        this.#held.set(port.name, { port, id: found.id, reason: '', ...segment })
      } else {
        await this.#path.closePort(found.id)
      }
    }
  }

  /** Opens a port, or remembers why it can not be. Answers what is held now. */
  async open(port: PlacedPort): Promise<HeldPort> {
    const held = await this.#path.openPort(specOf(port)).then(
      (id): HeldPort => ({ port, id, reason: '' }),
      (error): HeldPort => ({ port, id: undefined, reason: reasonOf(error) }),
    )
    this.#held.set(port.name, held)
    return held
  }

  /** Other bindings or another network for a port that stays open. */
  replace(port: PlacedPort): void {
    const held = this.#held.get(port.name)
    if (held !== undefined) this.#held.set(port.name, { ...held, port })
  }

  async close(name: string): Promise<void> {
    const held = this.#held.get(name)
    this.#held.delete(name)
    if (held?.id !== undefined) await this.#path.closePort(held.id)
  }

  /** The interface behind it went away, or the whole dataplane. */
  lose(name: string, reason: string): void {
    const held = this.#held.get(name)
    if (held !== undefined) this.#held.set(name, { port: held.port, id: undefined, reason })
  }
}

function sameSpec(wanted: PortSpec, found: PortState): boolean {
  const text = (options: PortSpec['options']): string =>
    Object.entries(options)
      .map(([key, value]) => `${key}=${value.trim()}`)
      .sort()
      .join('\n')
  return wanted.kind === found.kind && text(wanted.options) === text(found.options)
}
