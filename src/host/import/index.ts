// A configuration that takes the place of FRR and of the kernel's bridges and vxlan devices on a host.

import { stringify } from 'yaml'
import { type Devices, readBridging } from '../../io/index.js'
import { loadConfig, type PortKindInfo, type Problem } from '../config/index.js'
import { HostFailure, reasonOf } from '../instance/index.js'
import { readKernel } from './bridging.js'
import { Builder } from './build.js'
import { readFrr } from './frr.js'
import { formatNote, type ImportNote } from './notes.js'

export { formatNote, type ImportNote } from './notes.js'

export interface ImportSources {
  /** An frr.conf, and its name for sentences. */
  readonly frr?: { readonly text: string; readonly file: string }
  /** The kernel's devices. */
  readonly devices?: Devices
}

export interface Imported {
  /** The file. */
  readonly yaml: string
  readonly document: object
  /** Every line and device that is not carried over as it was. */
  readonly notes: readonly ImportNote[]
  /** Commands that free what a vtep needs, in this order. */
  readonly changeOver: readonly string[]
  /** Why `vtep check` would refuse it; empty is good. */
  readonly problems: readonly Problem[]
}

/** The devices of this host. Throws HostFailure. */
export async function readHost(): Promise<Devices> {
  try {
    return await readBridging()
  } catch (error) {
    throw new HostFailure(`the kernel's devices can not be read: ${reasonOf(error)}`)
  }
}

export function importConfig(
  { frr, devices }: ImportSources,
  portKinds: readonly PortKindInfo[] = [],
): Imported {
  const heard: ImportNote[] = []
  const model = frr === undefined ? undefined : readFrr(frr.text, frr.file)
  const kernel = devices === undefined ? undefined : readKernel(devices, (one) => heard.push(one))
  const { document, notes } = new Builder(model, kernel, heard).build()
  const { ports = [], devices: obsolete = [] } = kernel?.obsolete ?? {}
  const changeOver = [
    ...(frr === undefined ? [] : ['systemctl disable --now frr']),
    ...ports.map((name) => `ip link set ${name} nomaster`),
    ...obsolete.map((name) => `ip link del ${name}`),
  ]
  const yaml = [
    ...comment('Written by `vtep import`.'),
    ...(notes.length === 0
      ? []
      : comment('', 'Not as it was:', ...notes.map((one) => `  ${formatNote(one)}`))),
    ...(changeOver.length === 0
      ? []
      : comment('', 'Before `vtep run`:', ...changeOver.map((one) => `  ${one}`))),
    '',
    stringify(document, { lineWidth: 0 }),
  ].join('\n')
  const loaded = loadConfig(yaml, 'the result', portKinds)
  return {
    yaml,
    document,
    notes,
    changeOver,
    problems: 'problems' in loaded ? loaded.problems : [],
  }
}

/** A line that the file can not hold as it is, it holds in part. */
const comment = (...lines: readonly string[]): string[] =>
  lines.map((line) =>
    `# ${line.replaceAll(/[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]/g, '?')}`.trimEnd(),
  )
