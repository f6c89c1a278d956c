// What was changed at run time and survives a restart: files in the state and runtime directories, checked by the
// configuration's own schema. Also remembers the route distinguisher numbers that were handed out, and where hosts have moved to.

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Static, Type } from '@sinclair/typebox'
import { Arrival } from './arrivals.js'
import { checkValue, type Schema, unplaced } from './config/index.js'
import { Neighbor, Network, Port, Vrf } from './config/schema.js'
import { PortHost } from './config/schema-host.js'
import { HostFailure, reasonOf, runtimePaths } from './instance/index.js'

/** A port added at run time says which network it belongs to. */
export const AddedPort = Type.Object(
  {
    network: Type.String({ format: 'name', description: 'Name of the network.' }),
    ...Port.properties,
  },
  { additionalProperties: false, description: 'A host attachment and its network.' },
)

/** A port that a platform has put into the network of a VNI. */
export const Attachment = Type.Object(
  { vni: Network.properties.vni, ...Port.properties },
  { additionalProperties: false },
)

/** A platform wants the network of a VNI to be there, and knows it by a name of its own. */
export const Hold = Type.Object(
  {
    name: Type.String({ format: 'name', description: 'Name that the platform has for it.' }),
    vni: Network.properties.vni,
  },
  { additionalProperties: false },
)

/** A host that a platform has said is behind a port. */
export const AddedHost = Type.Object(
  {
    port: Type.String({ format: 'name', description: 'Name of the port.' }),
    ...PortHost.properties,
  },
  { additionalProperties: false },
)

/** What holds until it is taken back. */
const Lasting = Type.Object(
  {
    vrfs: Type.Array(Vrf, { default: [] }),
    networks: Type.Array(Network, { default: [] }),
    ports: Type.Array(AddedPort, { default: [] }),
    neighbors: Type.Array(Neighbor, { default: [] }),
    holds: Type.Array(Hold, { default: [] }),
    /** What the configuration file has and was removed: names of VRFs, networks and ports, ids of neighbours. */
    removed: Type.Object(
      {
        vrfs: Type.Array(Type.String(), { default: [] }),
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

/** What platforms have asked for while machines and containers run: a reboot ends it with them. */
const Running = Type.Object(
  {
    attachments: Type.Array(Attachment, { default: [] }),
    hosts: Type.Array(AddedHost, { default: [] }),
  },
  { additionalProperties: false },
)

export type AddedPort = Static<typeof AddedPort>
export type Amendments = Static<typeof Lasting> & Static<typeof Running>

export const noAmendments: Amendments = {
  vrfs: [],
  networks: [],
  ports: [],
  attachments: [],
  holds: [],
  hosts: [],
  neighbors: [],
  removed: { vrfs: [], networks: [], ports: [], neighbors: [] },
  routeDistinguishers: {},
  arrivals: {},
}

/** A file with a part of them. Writing is atomic: the old file stays until the new one is whole. */
class PartFile {
  readonly path: string
  readonly #schema: Schema & { readonly properties?: object }
  /** To the disk at once. */
  readonly #flush: boolean
  #written: string | undefined

  constructor(path: string, schema: object, flush: boolean) {
    this.path = path
    this.#schema = schema as Schema
    this.#flush = flush
  }

  /** Nothing there means nothing added. Throws HostFailure for a file that is not ours. */
  read(): object {
    let text: string
    try {
      text = readFileSync(this.path, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        throw new HostFailure(`${this.path}: ${reasonOf(error)}`)
      text = '{}'
    }
    let json: unknown
    try {
      json = JSON.parse(text)
    } catch (error) {
      throw new HostFailure(`${this.path}: expected JSON, got ${reasonOf(error)}`)
    }
    const { value, findings } = checkValue<object>(this.#schema, json)
    if (findings.length > 0) {
      throw new HostFailure(...findings.map((finding) => unplaced(finding, this.path).text))
    }
    this.#written = this.#textOf(value)
    return value
  }

  /** Its part, if that is another than before. Throws HostFailure when the disk refuses. */
  write(amendments: object): void {
    const text = this.#textOf(amendments)
    if (text === this.#written) return
    const draft = `${this.path}.new`
    try {
      mkdirSync(dirname(this.path), { recursive: true, mode: 0o755 })
      writeFileSync(draft, text, { mode: 0o600, flush: this.#flush })
      renameSync(draft, this.path)
    } catch (error) {
      throw new HostFailure(`${this.path}: can not be written (${reasonOf(error)})`)
    }
    this.#written = text
  }

  #textOf(amendments: object): string {
    const keys = Object.keys(this.#schema.properties ?? {})
    const part = keys.map((key) => [key, (amendments as Record<string, unknown>)[key]])
    return `${JSON.stringify(Object.fromEntries(part), null, 2)}\n`
  }
}

/**
 * Reads and writes what was changed: what lasts in the state directory, the rest in the runtime directory, which is lost
 * with a reboot and needs no disk, for which every network card of the host would wait.
 */
export class AmendmentsFile {
  readonly path: string
  readonly #parts: readonly PartFile[]

  constructor(stateDir: string, runtimeDir: string) {
    this.path = join(stateDir, 'amendments.json')
    this.#parts = [
      new PartFile(this.path, Lasting, true),
      new PartFile(runtimePaths(runtimeDir).attachments, Running, false),
    ]
  }

  /** Throws HostFailure for files that are not ours. */
  read(): Amendments {
    return Object.assign({ ...noAmendments }, ...this.#parts.map((part) => part.read()))
  }

  /** Throws HostFailure when the disk refuses. */
  write(amendments: Amendments): void {
    for (const part of this.#parts) part.write(amendments)
  }
}
