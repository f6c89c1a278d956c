// A way from this machine's loopback to a daemon's Unix socket, for a browser: the daemon may be in a namespace that it can not reach.

import { connect, createServer, type Server, type Socket } from 'node:net'

export interface Gate {
  /** Where the browser goes. */
  readonly url: string
  close(): Promise<void>
}

/** Listens on the wanted port, or another one where that is taken. Left out: any port. */
export async function openGate(socketPath: string, wanted = 0): Promise<Gate> {
  const open = new Set<Socket>()
  const server = createServer((from) => {
    const to = connect(socketPath)
    const both = [from, to] as const
    for (const [i, socket] of both.entries()) {
      open.add(socket)
      const end = (): void => void both[1 - i]!.destroy()
      socket.on('error', end).on('close', () => {
        open.delete(socket)
        end()
      })
    }
    from.pipe(to).pipe(from)
  })
  const port = await listen(server, wanted).catch(() => listen(server, 0))
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      for (const socket of open) socket.destroy()
    })
  return { url: `http://127.0.0.1:${port}/`, close }
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : port)
    })
  })
}
