// What tenants do to each other: ping, TCP and counting what arrives.

import type { Namespace } from './namespace.js'
import { sleep, until } from './wait.js'

export interface PingResult {
  readonly sent: number
  readonly received: number
}

export interface PingOptions {
  readonly count?: number
  readonly intervalSeconds?: number
  /** ICMP payload; with `whole` it must not be fragmented. */
  readonly sizeBytes?: number
  readonly whole?: boolean
}

/**
 * Pings and counts; loss is no error. Waits a second for the last answer: ping(8) leaves after two round trips, and on a busy
 * machine an answer takes a hundred at times.
 */
export async function ping(
  from: Namespace,
  address: string,
  options: PingOptions = {},
): Promise<PingResult> {
  const { count = 1, intervalSeconds = 0.2, sizeBytes = 56, whole = false } = options
  const argv = ['fping', '-q', '-c', `${count}`, '-p', `${intervalSeconds * 1000}`, '-t', '1000']
  argv.push('-b', `${sizeBytes}`, ...(whole ? ['-M'] : []))
  const { stderr } = await from.attempt([...argv, address], {
    timeoutSeconds: count * intervalSeconds + 20,
  })
  const numbers = /xmt\/rcv\/%loss = (\d+)\/(\d+)\//.exec(stderr)
  if (numbers === null) throw new Error(`ping ${address}: ${stderr.trim()}`)
  return { sent: Number(numbers[1]), received: Number(numbers[2]) }
}

/**
 * Whether packets get there and back: of three one is enough. A processor's queue of packets (netdev_max_backlog) is full at
 * times because of another network of this machine, and then loses any of them.
 */
export async function passes(
  from: Namespace,
  address: string,
  options: Pick<PingOptions, 'sizeBytes' | 'whole'> = {},
): Promise<boolean> {
  const { received } = await ping(from, address, { ...options, count: 3, intervalSeconds: 0.05 })
  return received > 0
}

/** Waits for the first answer. */
export async function reaches(from: Namespace, address: string, seconds = 10): Promise<void> {
  await until(
    `${from.name} pings ${address}`,
    async () => (await ping(from, address)).received === 1,
    { seconds },
  )
}

export interface TcpResult {
  readonly bitsPerSecond: number
  readonly retransmits: number
}

export interface TcpOptions {
  /** Default: as long as `ENOUGH` takes, which leaves the machine to other networks. */
  readonly seconds?: number
  readonly streams?: number
  /** Data flows from the server to the client. */
  readonly reverse?: boolean
  /** Congestion control of these streams; default the kernel's. */
  readonly congestion?: string
  /** Slow start: seconds before the measured ones. */
  readonly omitSeconds?: number
}

/** A thousand super-frames and more: windows are open, and whatever is to be cut, merged or summed was so in each form. */
const ENOUGH = '64M'

let nextTcpPort = 5201

/** iperf3 from one namespace to an address in another. */
export async function tcp(
  client: Namespace,
  server: Namespace,
  address: string,
  options: TcpOptions = {},
): Promise<TcpResult> {
  const { seconds, streams = 1, reverse = false } = options
  const length = seconds === undefined ? ['-n', ENOUGH] : ['-t', `${seconds}`]
  const port = `${nextTcpPort++}`
  const listener = server.start(`iperf3-${port}`, ['iperf3', '-s', '-1', '-p', port])
  try {
    await listening(server, Number(port))
    const argv = ['iperf3', '-J', '-c', address, '-p', port, ...length, '-P', `${streams}`]
    if (reverse) argv.push('-R')
    if (options.congestion !== undefined) argv.push('-C', options.congestion)
    if (options.omitSeconds !== undefined) argv.push('-O', `${options.omitSeconds}`)
    const { stdout } = await client.attempt(argv, { timeoutSeconds: (seconds ?? 10) + 20 })
    const report = JSON.parse(stdout) as {
      error?: string
      end: {
        sum_received: { bits_per_second: number }
        sum_sent: { retransmits?: number }
      }
    }
    if (report.error !== undefined) throw new Error(`iperf3 to ${address}: ${report.error}`)
    return {
      bitsPerSecond: report.end.sum_received.bits_per_second,
      retransmits: report.end.sum_sent.retransmits ?? 0,
    }
  } finally {
    await listener.stop(1)
  }
}

/** Waits until somebody in the namespace listens on a TCP port. */
export async function listening(namespace: Namespace, port: number, seconds = 10): Promise<void> {
  await until(
    `${namespace.name} listens on TCP port ${port}`,
    async () => (await namespace.exec(['ss', '-Hltn', `sport = :${port}`])) !== '',
    { seconds, everySeconds: 0.05 },
  )
}

/** Counts packets that match a pcap filter on an interface while `during` runs. */
export async function counted(
  namespace: Namespace,
  ifname: string,
  filter: string,
  during: () => Promise<void>,
): Promise<readonly string[]> {
  const capture = namespace.start(`tcpdump-${ifname}-${Date.now()}`, [
    'tcpdump',
    '-Z',
    'root',
    '--immediate-mode',
    // A ring of whole super-frames holds eight, and loses the rest of a burst.
    '-s',
    '512',
    '-l',
    '-n',
    '-e',
    '-i',
    ifname,
    filter,
  ])
  await capture.said('listening on')
  await during()
  await sleep(0.2)
  await capture.stop()
  return capture
    .log()
    .split('\n')
    .filter((line) => /^\d\d:\d\d:\d\d\./.test(line))
}
