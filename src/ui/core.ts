// The core that forwards, in this browser: WebAssembly, on an image of the daemon's tables.

import { type ImageTracer, loadCore, type Trace, type TraceCore } from '../trace/index.js'
import { askOctets } from './api.js'
import type { Origin } from './parts/trace-from.js'

/** Of the build beside this one: the same sources as the dataplane's. */
const wasm = new URL('../../build/vtep-core.wasm', import.meta.url).href

let core: Promise<TraceCore> | undefined

/** Reads the tables as they are now. Throws ApiError, or an Error when image and core are of different versions. */
export async function openTables(): Promise<ImageTracer> {
  core ??= askOctets(wasm).then(loadCore)
  // Without it a failed attempt would be the last one.
  core.catch(() => {
    core = undefined
  })
  const [loaded, image] = await Promise.all([core, askOctets('v1/image')])
  return loaded.open(image)
}

/** Throws an Error with a sentence. `uplink` is that of the status: kernel sockets find next hops by themselves. */
export function traceHere(
  tables: ImageTracer,
  octets: Uint8Array,
  { by, port, vtep, vni }: Origin,
  uplink: string,
): Trace {
  const options = { handOver: uplink === 'udp' }
  if (by === 'underlay') return tables.trace(octets, { underlay: true }, options)
  if (by === 'vtep') return tables.trace(octets, { vtep, vni: Number(vni) }, options)
  const found = tables.ports.find(({ name }) => name === port)
  if (found === undefined) throw new Error(`port: expected one of the tables, got ${port}`)
  return tables.trace(octets, { port: found.id }, options)
}
