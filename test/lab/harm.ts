// A wire that does harm by plan: packets larger than it may carry vanish, as behind a NIC whose segmentation does not work.

import type { Namespace } from './namespace.js'

/** What is lost of packets that are not yet cut: IPv4 in IPv4 VXLAN, by the outer UDP checksum that a whole super-frame has not. */
export type Harm = 'everything' | 'every super-frame' | 'whole super-frames' | 'trains'

type Instruction = readonly [code: number, yes: number, no: number, value: number]

const length: Instruction = [0x80, 0, 0, 0]
const outerChecksum: Instruction = [0x28, 0, 0, 40]
const drop: Instruction = [0x06, 0, 0, 2]
const pass: Instruction = [0x06, 0, 0, 0xffffffff]

// Classic BPF for tc: the length of an skb is that of all its segments.
const programs: Readonly<Record<Harm, (most: number) => readonly Instruction[]>> = {
  everything: () => [drop],
  'every super-frame': (most) => [length, [0x25, 0, 1, most], drop, pass],
  'whole super-frames': (most) => [
    length,
    [0x25, 0, 3, most],
    outerChecksum,
    [0x15, 0, 1, 0],
    drop,
    pass,
  ],
  trains: (most) => [length, [0x25, 0, 3, most], outerChecksum, [0x15, 1, 0, 0], drop, pass],
}

/** From now on the interface loses what arrives there. Answers how to make it whole again. */
export async function plantHarm(
  at: Namespace,
  ifname: string,
  harm: Harm,
  mostBytes = 1700,
): Promise<() => Promise<void>> {
  const program = programs[harm](mostBytes)
  const text = [program.length, ...program.map((each) => each.join(' '))].join(',')
  const tc = (...words: readonly string[]): Promise<string> => at.exec(['tc', ...words])
  await tc('qdisc', 'add', 'dev', ifname, 'clsact')
  await tc(
    ...['filter', 'add', 'dev', ifname, 'ingress', 'protocol', 'all'],
    ...['bpf', 'direct-action', 'bytecode', text],
  )
  return async () => {
    await tc('qdisc', 'del', 'dev', ifname, 'clsact')
  }
}
