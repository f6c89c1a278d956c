// One lock of CloudStack's agent serialises every NIC of a host: what its scripts take, beside a plain script that makes
// bridge and vxlan device by `ip link`. They take turns, ten calls at a time.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import {
  type Host,
  type Namespace,
  root,
  run,
  startVtep,
  type Vtep,
  wire,
} from '../test/lab/index.js'
import type { Figure } from './result.js'

export interface PlugOptions {
  /** Calls of each kind. */
  readonly count: number
}

const vni = 10100
const bridge = `brvx-${vni}`
/** Networks beside it in the second half. */
const many = 500
const turn = 10

type Times = Map<string, number[]>

/** Milliseconds for each call. */
export async function measurePlug({ count }: PlugOptions): Promise<Figure[]> {
  const fabric = await wire(undefined)
  try {
    const host = fabric.hosts[0]!
    const plain = await fabric.lab.namespace('plain')
    const vtep = await startVtep(host, { asn: 65000, vtep: { address: host.vtep4 } })
    const times: Times = new Map()
    const script = join(root, 'bench/tools/plain-vxlan.sh')
    const words = (verb: string) => `${script} ${verb} ${vni} ${bridge} 127.0.0.1`
    for (let done = 0; done < count; done += turn) {
      await measure(times, host, ours(''), vtep)
      await measure(times, plain, [
        ['plain ip link script: add', words('add')],
        ['plain ip link script: delete', words('delete')],
        ['plain ip link script, fewest commands: add', words('add-short')],
        ['plain ip link script, fewest commands: delete', words('delete-short')],
      ])
    }
    for (let i = 0; i < many; i++) {
      await vtep.request('POST', '/v1/holds', { name: `hold${i}`, vni: 20000 + i })
    }
    const beside = `, ${many} other networks`
    for (let done = 0; done < count; done += turn) await measure(times, host, ours(beside), vtep)
    return [...times].map(([what, values]) => ({ what, unit: 'ms', values }))
  } finally {
    await fabric.lab.close()
  }
}

type Line = readonly [what: string, command: string]

function ours(where: string): Line[] {
  const plug = (name: string, verb: string): string =>
    `${join(root, 'bin/cloudstack', name)} -o ${verb} -v ${vni} -p eth0 -b ${bridge}`
  const macip = (verb: string): string =>
    `${join(root, 'bin/cloudstack/modifymacip.sh')} -o ${verb} -b ${bridge} -m 02:00:00:00:00:01`
  return [
    [`modifyvxlan-evpn.sh add${where}`, plug('modifyvxlan-evpn.sh', 'add')],
    [`modifyvxlan-evpn.sh add again${where}`, plug('modifyvxlan-evpn.sh', 'add')],
    [`modifymacip.sh add${where}`, `${macip('add')} -4 10.1.0.1 -6 fe80::1`],
    [`modifymacip.sh delete${where}`, macip('delete')],
    [`modifyvxlan-evpn.sh delete${where}`, plug('modifyvxlan-evpn.sh', 'delete')],
  ]
}

/** The lines in order, some times over, as a shell starts them: the time of each. */
async function measure(
  times: Times,
  where: Host | Namespace,
  lines: readonly Line[],
  vtep?: Vtep,
): Promise<void> {
  const cloud = join(where.directory, 'cloud')
  mkdirSync(cloud, { recursive: true })
  const timed = lines.map(
    ([, command], i) =>
      `a=$EPOCHREALTIME; ${command} >/dev/null; b=$EPOCHREALTIME; echo ${i} $((\${b/./} - \${a/./}))`,
  )
  const script = [
    'set -e',
    // The agent's directory, of this namespace alone.
    `mount -t tmpfs none /run; mkdir /run/cloud; mount --bind ${cloud} /run/cloud`,
    `for ((n = 0; n < ${turn}; n++)); do`,
    ...timed,
    'done',
  ].join('\n')
  const env = vtep === undefined ? {} : { VTEP_RUNTIME_DIR: vtep.runtimeDir }
  const output = await run(['ip', 'netns', 'exec', where.netns, 'bash', '-c', script], {
    timeoutSeconds: 120,
    env,
  })
  for (const line of output.trim().split('\n')) {
    const [index, microseconds] = line.split(' ').map(Number)
    const [what] = lines[index!]!
    const values = times.get(what) ?? []
    times.set(what, values)
    values.push(microseconds! / 1000)
  }
}
