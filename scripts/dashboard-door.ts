// Where the demo's dashboard listens. The hosts of the demo live in network namespaces, and perhaps all of it in a user namespace,
// so the browser's way in is opened outside and leads to a daemon's socket, which files have no namespace for.

import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openGate } from '../test/lab/index.js'

const variable = 'VTEP_DEMO_DOOR'
/** As in the README's example of api.listen. */
const port = 8472

export interface Door {
  /** What the browser opens. */
  readonly url: string
  /** For a process inside a namespace, which has no way to our loopback: with this it finds the same door. */
  readonly environment: Readonly<Record<string, string>>
  /** Leads from now on to this socket. */
  leadTo(socketPath: string): void
  close(): Promise<void>
}

/** Opens it, or finds the one that the process outside has opened. */
export async function openDoor(): Promise<Door> {
  const inherited = process.env[variable]
  if (inherited !== undefined) {
    const [url = '', link = ''] = inherited.split(' ')
    return {
      url,
      environment: {},
      leadTo: (path) => symlinkSync(path, link),
      close: async () => undefined,
    }
  }
  // Named as labs are, so that what a killed demo leaves is found.
  const folder = mkdtempSync(join(tmpdir(), `vt-${process.pid}-door-`))
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  process.once('exit', remove)
  const link = join(folder, 'api')
  const gate = await openGate(link, port)
  return {
    url: gate.url,
    environment: { [variable]: `${gate.url} ${link}` },
    leadTo: (path) => symlinkSync(path, link),
    async close() {
      await gate.close()
      remove()
    },
  }
}
