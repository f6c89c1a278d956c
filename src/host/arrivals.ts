// Hosts that have moved to a port at run time: the platform says so at the end of a live migration, and from then on
// that holds in the place of what the configuration says is behind the port, also after a restart.

import { type Static, Type } from '@sinclair/typebox'
import { type Config, Port } from './config/schema.js'

const Behind = Type.Pick(Port, ['mac', 'ip'])

export const Arrival = Type.Object(
  {
    ...Behind.properties,
    /** What the configuration said then. When it says something else, that is newer. */
    instead: Behind,
  },
  { additionalProperties: false },
)

type Behind = Static<typeof Behind>
export type Arrival = Static<typeof Arrival>

/** By the name of the port. */
export type Arrivals = Readonly<Record<string, Arrival>>

/** Without those whose port is gone or is configured anew. */
export function current(arrivals: Arrivals, { networks }: Config): Arrivals {
  const configured = new Map(
    networks.flatMap(({ ports }) => ports.map((port) => [port.name, behind(port)] as const)),
  )
  return Object.fromEntries(
    Object.entries(arrivals).filter(([name, { instead }]) => same(instead, configured.get(name))),
  )
}

/** The port with what is behind it now. */
export function applied<P extends Behind & { readonly name: string }>(
  port: P,
  arrivals: Arrivals,
): P {
  const arrival = arrivals[port.name]
  if (arrival === undefined) return port
  const { mac: _, ...rest } = port
  return { ...rest, ...behind(arrival) } as P
}

/**
 * A host is behind the port `name` now. It is behind no other port of the network any more, and neither are its
 * addresses.
 */
export function withArrival(
  arrivals: Arrivals,
  network: Config['networks'][number],
  name: string,
  arrived: Required<Behind>,
): Arrivals {
  const { mac, ip } = arrived
  const next: Record<string, Arrival> = { ...arrivals }
  for (const port of network.ports) {
    const before = behind(applied(port, arrivals))
    const left = { ...before, ip: before.ip.filter((one) => !ip.includes(one)) }
    const now = port.name === name ? arrived : before.mac === mac ? { ip: [] } : left
    const instead = behind(port)
    if (same(now, instead)) delete next[port.name]
    else next[port.name] = { ...behind(now), instead }
  }
  return next
}

/** Keys are in the schema's order. */
function same(a: Behind, b: Behind | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

function behind({ mac, ip }: Behind): Behind {
  return mac === undefined ? { ip } : { mac, ip }
}
