// Run by itself in a tenant: a TCP stream to an echo server, whole and in order for as long as it lasts, and how long nothing
// came back at worst. echo-stream.js ADDRESS PORT; ends on SIGTERM with a line of JSON.

import { createConnection } from 'node:net'

const [address, port] = [process.argv[2]!, Number(process.argv[3])]
const everyMilliseconds = 5
const octets = 4096

let sent = 0
let received = 0
let longest = 0
let last = performance.now()
let problem = ''

const octetAt = (place: number): number => (place * 31 + (place >> 12)) & 0xff

const socket = createConnection({ host: address, port, noDelay: true })
socket.once('connect', () => {
  console.log('connected')
  last = performance.now()
  setInterval(() => {
    // What is on the way stays bounded: a stream that stands still is seen by its pause.
    if (sent - received > 64 * octets) return
    socket.write(Uint8Array.from({ length: octets }, (_, i) => octetAt(sent + i)))
    sent += octets
  }, everyMilliseconds)
})
socket.on('data', (data) => {
  const now = performance.now()
  longest = Math.max(longest, now - last)
  last = now
  for (const octet of data) {
    if (octet !== octetAt(received) && problem === '') problem = `octet ${received} is wrong`
    received += 1
  }
})
for (const event of ['end', 'error', 'close'] as const)
  socket.once(event, (error?: unknown) => {
    problem ||= `${event} ${error instanceof Error ? error.message : ''}`
  })
process.once('SIGTERM', () => {
  const silent = Math.round(performance.now() - last)
  const stood = Math.round(Math.max(longest, silent))
  console.log(
    JSON.stringify({ received, stoodMilliseconds: stood, silentMilliseconds: silent, problem }),
  )
  process.exit(0)
})
