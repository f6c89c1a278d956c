// Packets that no well-behaved stack would send. Node has no raw sockets; python3 is there for node-gyp anyway.

import type { Namespace } from './namespace.js'

const hexLines = (packets: readonly (readonly number[])[]): string =>
  packets.map((bytes) => `${Buffer.from(bytes).toString('hex')}\n`).join('')

/** Sends whole Ethernet frames out of an interface. */
export async function sendFrames(
  namespace: Namespace,
  ifname: string,
  frames: readonly (readonly number[])[],
): Promise<void> {
  const program = `
import socket, sys
out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
out.bind((sys.argv[1], 0))
for line in sys.stdin:
    out.send(bytes.fromhex(line))
`
  await namespace.exec(['python3', '-c', program, ifname], { input: hexLines(frames) })
}

/** Sends UDP payloads from an address of the namespace. */
export async function sendUdp(
  namespace: Namespace,
  to: { readonly address: string; readonly udpPort: number; readonly source: string },
  payloads: readonly (readonly number[])[],
): Promise<void> {
  const program = `
import socket, sys
out = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
out.bind((sys.argv[3], 0))
for line in sys.stdin:
    out.sendto(bytes.fromhex(line), (sys.argv[1], int(sys.argv[2])))
`
  await namespace.exec(['python3', '-c', program, to.address, `${to.udpPort}`, to.source], {
    input: hexLines(payloads),
  })
}
