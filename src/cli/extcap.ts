// `vtep extcap`: what Wireshark asks of a plug-in that captures (doc/extcap.adoc there): which interfaces, which link
// types, which options, and then to write into its pipe. Called by the script in packaging/extcap.

import type { Command } from 'commander'
import { capturePoints } from '../host/capture/index.js'
import { packageVersion } from '../host/instance/index.js'
import type { NetworkView, PortView } from '../host/views/index.js'
import { type CaptureOptions, captureQuery, fileSink } from './capture.js'
import { readCapture } from './capture-stream.js'
import { call } from './client.js'
import { type CliContext, CommandFailure, exitCode } from './context.js'
import { runtimeDirFor } from './runtime-dir.js'

interface ExtcapOptions extends Omit<CaptureOptions, 'point'> {
  readonly extcapInterfaces?: true
  readonly extcapInterface?: string
  readonly extcapDlts?: true
  readonly extcapConfig?: true
  readonly extcapCaptureFilter?: string
  readonly capture?: true
  readonly fifo?: string
  /** Comma-separated, as Wireshark gives what was chosen. */
  readonly point?: string
}

const PREFIX = 'vtep'

export function define(program: Command, context: CliContext): void {
  const command = program
    .command('extcap')
    .description("Answer Wireshark, as a plug-in of its list of interfaces (the package's script).")
    .option('--extcap-interfaces', 'list the interfaces')
    .option('--extcap-version [version]', "Wireshark's version")
    .option('--extcap-interface <name>', 'the interface that is asked about')
    .option('--extcap-dlts', 'list its link types')
    .option('--extcap-config', 'list its options')
    .option('--extcap-capture-filter <filter>', "a filter in tcpdump's language")
    .option('--capture', 'capture')
    .option('--fifo <file>', 'into this pipe')
    .option('--point <points>', 'only at these points, with commas')
    .option('--reason <reason>', 'frames that are lost for this reason')
    .option('--snaplen <octets>', 'keep so much of each frame')
    .option('--inner', 'the filter is about the frame in VXLAN')
  command.action(async (options: ExtcapOptions) => {
    const runtimeDir = runtimeDirFor(command, context)
    const { stdout } = context
    if (options.extcapInterfaces === true) stdout.write(await interfaces(runtimeDir))
    else if (options.extcapDlts === true)
      stdout.write('dlt {number=1}{name=EN10MB}{display=Ethernet}\n')
    else if (options.extcapConfig === true) stdout.write(config())
    else if (options.capture === true) await capture(runtimeDir, options)
    else
      throw new CommandFailure(
        exitCode.usage,
        'extcap: expected --extcap-interfaces, --extcap-dlts, --extcap-config or --capture, got none',
      )
  })
}

/** A line of Wireshark's: a word, and values in braces. */
const line = (word: string, values: Readonly<Record<string, string | number>>): string =>
  `${word} ${Object.entries(values)
    .map(([key, value]) => `{${key}=${String(value).replace(/[{}\n]/g, '_')}}`)
    .join('')}\n`

/** All frames, each network, each port. Without a daemon there are none, and that is no error: Wireshark asks at every start. */
async function interfaces(runtimeDir: string): Promise<string> {
  const head = line('extcap', { version: packageVersion() })
  try {
    const [networks, ports] = await Promise.all([
      call<NetworkView[]>(runtimeDir, { path: '/v1/networks' }),
      call<PortView[]>(runtimeDir, { path: '/v1/ports' }),
    ])
    const rows = [
      [PREFIX, 'vtep: all frames'],
      ...networks.map(({ name, vni }) => [`${PREFIX}-net-${name}`, `vtep: ${name} (VNI ${vni})`]),
      ...ports.map(({ ifname }) => [`${PREFIX}-port-${ifname}`, `vtep: port ${ifname}`]),
    ]
    return (
      head +
      rows
        .map(([value, display]) => line('interface', { value: value!, display: display! }))
        .join('')
    )
  } catch (error) {
    if (error instanceof CommandFailure) return head
    throw error
  }
}

function config(): string {
  const argument = (number: number, call: string, display: string, more: object): string =>
    line('arg', { number, call: `--${call}`, display, ...more })
  const points = Object.entries(capturePoints)
    .map(([word, { text }]) =>
      line('value', { arg: 0, value: word, display: `${word}: ${text}`, default: 'true' }),
    )
    .join('')
  return [
    argument(0, 'point', 'Points', {
      type: 'multicheck',
      tooltip: 'Where on their way frames are seen',
    }),
    points,
    argument(1, 'reason', 'Drop reason', {
      type: 'string',
      tooltip: 'Frames that are lost for this reason (vtep drops --all)',
    }),
    argument(2, 'inner', 'Filter the frame in VXLAN', { type: 'boolflag', default: 'false' }),
    argument(3, 'snaplen', 'Octets of a frame', {
      type: 'unsigned',
      range: '14,65792',
      default: 65_792,
    }),
  ].join('')
}

/** What an interface of the list stands for. */
function meaning(name: string): CaptureOptions {
  const [, kind, rest] = /^vtep(?:-(net|port)-(.+))?$/.exec(name) ?? []
  if (kind === 'net') return { network: rest! }
  return kind === 'port' ? { port: rest! } : {}
}

async function capture(runtimeDir: string, options: ExtcapOptions): Promise<void> {
  const {
    fifo,
    extcapInterface = PREFIX,
    extcapCaptureFilter,
    point,
    reason,
    snaplen,
    inner,
  } = options
  if (fifo === undefined) {
    throw new CommandFailure(exitCode.usage, 'extcap: --capture: expected --fifo FILE, got none')
  }
  const filter = extcapCaptureFilter || undefined
  const query = captureQuery({
    ...meaning(extcapInterface),
    ...(filter === undefined ? {} : { filter }),
    ...(point === undefined || point === '' ? {} : { point: point.split(',') }),
    ...(reason === undefined || reason === '' ? {} : { reason }),
    ...(snaplen === undefined ? {} : { snaplen }),
    ...(inner === undefined ? {} : { inner }),
  })
  const sink = await fileSink(fifo)
  try {
    // Wireshark takes every word on standard error for an error.
    await readCapture(
      runtimeDir,
      query,
      () => {},
      (block) => sink.take(block),
    )
  } finally {
    await sink.close()
  }
}
