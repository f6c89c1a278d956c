// A TCP stream from a tenant to a guest that echoes it, and what became of it.

import { fileURLToPath } from 'node:url'
import type { Service, Tenant } from '../lab/index.js'

const program = fileURLToPath(new URL('./echo-stream.js', import.meta.url))

/** What echo-stream.ts says at its end. */
export interface Echo {
  readonly received: number
  readonly stoodMilliseconds: number
  readonly silentMilliseconds: number
  readonly problem: string
}

/** Connected when it answers. */
export async function startEcho(tenant: Tenant, address: string, port: number): Promise<Service> {
  const words = [process.execPath, program, address, `${port}`]
  const stream = tenant.start(`echo-${address}`, words)
  await stream.said('connected')
  return stream
}

/** Ends it. */
export async function echoed(stream: Service): Promise<Echo> {
  stream.signal('SIGTERM')
  await stream.ended()
  return JSON.parse(stream.log().trimEnd().split('\n').at(-1)!) as Echo
}
