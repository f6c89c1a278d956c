// What was changed at run time and survives a restart: a file in the state directory, checked by the configuration's
// own schema. Also remembers the route distinguisher numbers that were handed out, and where hosts have moved to.

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Static, Type } from '@sinclair/typebox'
import { Arrival } from './arrivals.js'
import { checkValue, type Schema, unplaced } from './config/index.js'
import { Neighbor, Network, Port } from './config/schema.js'
import { HostFailure, reasonOf } from './instance/index.js'

/** A port added at run time says which network it belongs to. */
export const AddedPort = Type.Object(
  {
    network: Type.String({ format: 'name', description: 'Name of the network.' }),
    ...Port.properties,
  },
  { additionalProperties: false, description: 'A host attachment and its network.' },
)

export const Amendments = Type.Object(
  {
    networks: Type.Array(Network, { default: [] }),
    ports: Type.Array(AddedPort, { default: [] }),
    neighbors: Type.Array(Neighbor, { default: [] }),
    /** What the configuration file has and was removed: names of networks and ports, ids of neighbours. */
    removed: Type.Object(
      {
        networks: Type.Array(Type.String(), { default: [] }),
        ports: Type.Array(Type.String(), { default: [] }),
        neighbors: Type.Array(Type.String(), { default: [] }),
      },
      { default: {}, additionalProperties: false },
    ),
    /** VNI → assigned number of its route distinguisher, where it is not the VNI itself. */
    routeDistinguishers: Type.Record(Type.String(), Type.Integer({ minimum: 1, maximum: 65535 }), {
      default: {},
    }),
    /** What has moved to a port, by the port's name. */
    arrivals: Type.Record(Type.String(), Arrival, { default: {} }),
  },
  { additionalProperties: false },
)

export type AddedPort = Static<typeof AddedPort>
export type Amendments = Static<typeof Amendments>

export const noAmendments: Amendments = {
  networks: [],
  ports: [],
  neighbors: [],
  removed: { networks: [], ports: [], neighbors: [] },
  routeDistinguishers: {},
  arrivals: {},
}

/** Reads and writes the file. Writing is atomic: the old file stays until the new one is whole. */
export class AmendmentsFile {
  readonly path: string
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
    this.path = join(directory, 'amendments.json')
  }

  /** Nothing there means nothing added. Throws HostFailure for a file that is not ours. */
  read(): Amendments {
    let text: string
    try {
      text = readFileSync(this.path, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return noAmendments
      throw new HostFailure(`${this.path}: ${reasonOf(error)}`)
    }
    let json: unknown
    try {
      json = JSON.parse(text)
    } catch (error) {
      throw new HostFailure(`${this.path}: expected JSON, got ${reasonOf(error)}`)
    }
    const { value, findings } = checkValue<Amendments>(Amendments as Schema, json)
    if (findings.length > 0) {
      throw new HostFailure(...findings.map((finding) => unplaced(finding, this.path).text))
    }
    return value
  }

  /** Throws HostFailure when the disk refuses. */
  write(amendments: Amendments): void {
    const draft = `${this.path}.new`
    try {
      mkdirSync(this.#directory, { recursive: true, mode: 0o755 })
      writeFileSync(draft, `${JSON.stringify(amendments, null, 2)}\n`, { mode: 0o600, flush: true })
      renameSync(draft, this.path)
    } catch (error) {
      throw new HostFailure(`${this.path}: can not be written (${reasonOf(error)})`)
    }
  }
}
