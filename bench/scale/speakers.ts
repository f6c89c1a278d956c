// Speakers under load: as a reflector for whoever connects, or as a leaf with one network.

import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { NativeDataplane } from '../../src/io/index.js'
import {
  findProgram,
  type Host,
  type KernelVtep,
  root,
  sleep,
  startFrr,
  startGobgp,
  startVtep,
  until,
  type Vtep,
} from '../../test/lab/index.js'
import { residentMemory } from '../machine.js'
import { asn, loadAddress, loadNet } from './load.js'

export const vni = 10100

export type Role = 'reflector' | 'leaf'

export interface Speaker {
  /** Routes it has from all sessions. */
  received(): Promise<number>
  /** Its process that speaks BGP, MB resident. */
  memory(): number
  /** Watches its forwarding table from now on: when it has so many MACs behind VTEPs, in nanoseconds of CLOCK_MONOTONIC. */
  forwards(macs: number, seconds: number): Promise<Watch>
  /** What only we have: our daemon. */
  readonly vtep?: Vtep
}

export interface Watch {
  readonly reached: Promise<bigint>
}

export interface Kind {
  readonly name: string
  readonly missing: () => boolean
  readonly roles: readonly Role[]
  /** More than this takes it longer than anybody waits. */
  readonly most: number
  start(host: Host, role: Role, sessions: number): Promise<Speaker>
}

const has = (program: string): boolean => findProgram(program) !== undefined

export const kinds: readonly Kind[] = [
  {
    name: 'vtep',
    missing: () => false,
    roles: ['reflector', 'leaf'],
    most: Number.POSITIVE_INFINITY,
    start: startOurs,
  },
  {
    name: 'FRR',
    missing: () => !has('vtysh'),
    roles: ['reflector', 'leaf'],
    most: 1_000_000,
    start: startTheirs,
  },
  {
    name: 'GoBGP',
    missing: () => !has('gobgpd'),
    roles: ['reflector'],
    most: 10_000,
    start: startGo,
  },
]

async function startOurs(host: Host, role: Role): Promise<Speaker> {
  const isReflector = role === 'reflector'
  const range = { range: loadNet, asn: 'internal', routeReflectorClient: isReflector }
  const vtep = await startVtep(host, {
    asn,
    vtep: { address: host.vtep4, uplink: 'udp' },
    bgp: { listen: {}, neighbors: [range] },
    networks: isReflector ? [] : [{ name: 'bench', vni }],
  })
  const controlPath = join(vtep.runtimeDir, 'control.sock')
  return {
    vtep,
    received: async () => {
      const peers = await vtep.request<{ received: number }[]>('GET', '/v1/peers')
      return peers.reduce((sum, { received }) => sum + received, 0)
    },
    memory: () => residentMemory(vtep.service.pid),
    forwards: async (macs, seconds) => ({ reached: ourTables(controlPath, macs, seconds) }),
  }
}

async function ourTables(controlPath: string, macs: number, seconds: number): Promise<bigint> {
  const observer = NativeDataplane.attach({ controlPath, role: 'observer' })
  try {
    return await until(
      `${macs} MACs in our tables`,
      async () => {
        const { length } = await observer.readAside('macs')
        return length === macs ? process.hrtime.bigint() : undefined
      },
      { seconds, everySeconds: macs > 200_000 ? 0.25 : 0.01 },
    )
  } finally {
    await observer.detach()
  }
}

async function startTheirs(host: Host, role: Role): Promise<Speaker> {
  const kernel = role === 'leaf' ? await host.kernelVtep(vni) : undefined
  const frr = await startFrr(host, {
    asn,
    peers: [],
    role: role === 'leaf' ? 'leaf' : 'reflector',
    extra: [
      `router bgp ${asn}`,
      ' bgp listen limit 4096',
      ' neighbor load peer-group',
      ` neighbor load remote-as ${asn}`,
      ' neighbor load advertisement-interval 0',
      ` bgp listen range ${loadNet} peer-group load`,
      ' address-family l2vpn evpn',
      '  neighbor load activate',
      ...(role === 'reflector' ? ['  neighbor load route-reflector-client'] : []),
      ' exit-address-family',
      'exit',
    ],
  })
  const bgpd = Number(readFileSync(join(frr.directory, 'bgpd.pid'), 'utf8'))
  return {
    received: async () => {
      const summary = await frr.json<{ peers?: Record<string, { pfxRcd: number }> }>(
        'show bgp l2vpn evpn summary',
      )
      return Object.values(summary.peers ?? {}).reduce((sum, { pfxRcd }) => sum + pfxRcd, 0)
    },
    memory: () => residentMemory(bgpd),
    forwards: (macs, seconds) => kernelTables(kernel!, macs, seconds),
  }
}

/** The kernel tells each entry; counting them anew would take a second each time. */
async function kernelTables(
  { host, device }: KernelVtep,
  macs: number,
  seconds: number,
): Promise<Watch> {
  const tool = join(root, 'build/bench/fdb-watch')
  const child = spawn(tool, [host.netns, device, `${macs}`], { stdio: ['ignore', 'pipe', 'pipe'] })
  const said = new Map<string, string>()
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [word, value = ''] = line.split(' ')
    if (!said.has(word!)) said.set(word!, value)
  })
  const heard = (word: string): Promise<string> =>
    until(
      `${macs} MACs in the kernel`,
      () => {
        if (child.exitCode !== null) return `fdb-watch: ${errors}`
        return said.has(word) ? `${said.get(word)!} ` : undefined
      },
      { seconds, everySeconds: 0.02 },
    )
  const ended = async (): Promise<bigint> => {
    try {
      return BigInt((await heard('has')).trim())
    } finally {
      child.kill()
    }
  }
  await heard('ready')
  return { reached: ended() }
}

async function startGo(host: Host, _role: Role, sessions: number): Promise<Speaker> {
  const gobgp = await startGobgp(host, {
    asn,
    peers: Array.from({ length: sessions }, (_, i) => ({
      address: loadAddress(i),
      asn,
      client: true,
      passive: true,
      holdTimeSeconds: 180,
    })),
  })
  const pid = Number(await gobgp.host.exec(['pidof', '-s', 'gobgpd']))
  return {
    received: async () =>
      (await gobgp.cli('neighbor'))
        .split('\n')
        .reduce((sum, line) => sum + Number(/\|\s*(\d+)\s+\d+$/.exec(line.trim())?.[1] ?? 0), 0),
    memory: () => residentMemory(pid),
    forwards: () => Promise.reject(new Error('GoBGP forwards nothing')),
  }
}

/** Until it has so many routes; gives seconds since `start`. */
export async function receivedAll(
  speaker: Speaker,
  routes: number,
  seconds: number,
): Promise<bigint> {
  const end = performance.now() + seconds * 1000
  while (performance.now() < end) {
    if ((await speaker.received()) === routes) return process.hrtime.bigint()
    await sleep(0.01)
  }
  throw new Error(`expected ${routes} routes within ${seconds} s, has ${await speaker.received()}`)
}
