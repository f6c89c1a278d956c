// Where a run took place, and what that is worth.

import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { root } from '../test/lab/index.js'
import { direct, kernel } from './devices/index.js'
import { median, short } from './result.js'
import type { RigResult } from './rig.js'

/** First line that a program says of its version. */
function version(program: string, ...args: readonly string[]): string {
  const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  return (stdout || stderr || 'not installed').trim().split('\n')[0]!
}

const read = (path: string): string | undefined =>
  existsSync(path) ? readFileSync(path, 'utf8').trim() : undefined

function mitigations(): string {
  const folder = '/sys/devices/system/cpu/vulnerabilities'
  if (!existsSync(folder)) return 'unknown'
  const active = readdirSync(folder).filter((name) =>
    read(`${folder}/${name}`)?.startsWith('Mitigation'),
  )
  return active.length === 0 ? 'none' : active.join(' ')
}

function debianVersion(name: string): string {
  const { stdout } = spawnSync('dpkg-query', ['-W', name], { encoding: 'utf8' })
  return stdout?.trim().split('\t')[1] ?? 'not installed'
}

export function environment(): Record<string, string> {
  return {
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
    commit: version('git', '-C', root, 'rev-parse', '--short', 'HEAD'),
    processor: `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}`,
    hypervisor: /^flags.*\bhypervisor\b/m.test(read('/proc/cpuinfo') ?? '') ? 'yes' : 'no',
    governor: read('/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor') ?? 'none visible',
    mitigations: mitigations(),
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: release(),
    node: process.version,
    congestionControl: read('/proc/sys/net/ipv4/tcp_congestion_control') ?? 'unknown',
    iperf3: version('iperf3', '--version'),
    ovs: version('/usr/lib/openvswitch-switch/ovs-vswitchd', '--version'),
    dpdk: debianVersion('dpdk'),
    frr: version('/usr/lib/frr/bgpd', '--version'),
  }
}

/** Share of a core that others may burn without a word. */
const quiet = 0.05
/** Share of a trial's time that may be stolen without a word. */
const theft = 0.02
/** Ranges wider than this, of figures that do not depend on us, say that the machine drifted. */
const steady = 0.3

/** What is to be thought of the figures, in words. */
export function validity({ rows, others, stolen, problems, remarks = [] }: RigResult): string[] {
  const words: string[] = [...remarks]
  const most = Math.max(0, ...others)
  words.push(
    most <= quiet
      ? `the machine was quiet: others burned at most ${short(most)} of a core before the trials`
      : `WARNING: others burned up to ${short(most)} of a core before a trial; ratios may be off`,
  )
  const taken = Math.max(0, ...stolen)
  if (taken > theft) {
    words.push(
      `WARNING: the hypervisor gave up to ${Math.round(taken * 100)} % of a trial's time to others`,
    )
  }
  const trials = others.length
  if (trials < 5)
    words.push(`WARNING: ${trials} trial${trials === 1 ? '' : 's'}: a look, no measurement`)
  for (const [device, column] of [
    [direct.name, 'mpps'],
    [kernel.name, 'tcp1'],
  ] as const) {
    const values = rows.find((row) => row.device === device)?.figures[column] ?? []
    if (values.length < 3) continue
    const spread = (Math.max(...values) - Math.min(...values)) / median(values)
    if (spread > steady) {
      words.push(
        `WARNING: ${device} varied by ${Math.round(spread * 100)} % between trials (${column}): the machine drifted`,
      )
    }
  }
  words.push(...problems.map((problem) => `not measured: ${problem}`))
  return words
}
