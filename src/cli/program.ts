// The commands as a table. Only the modules of commands that are named on the line are loaded: `vtep macs` must not
// wait for the speaker.

import { Command, CommanderError } from 'commander'
import { DEFAULT_RUNTIME_DIR, HostFailure, packageVersion } from '../host/instance/index.js'
import { type CliContext, CommandFailure, exitCode } from './context.js'

interface CommandModule {
  /** `whole` gives the program with every command in full. */
  define(program: Command, context: CliContext, whole: () => Promise<Command>): void
}

interface CommandRow {
  /** Names that the module defines, each with a line for the overview. */
  readonly names: Readonly<Record<string, string>>
  readonly load: () => Promise<CommandModule>
}

/** In the order of --help. */
const commands: readonly CommandRow[] = [
  { names: { run: 'Run the daemon in the foreground.' }, load: () => import('./run.js') },
  {
    names: { replay: 'Play the recording of a run.' },
    load: () => import('./replay.js'),
  },
  { names: { check: 'Check a configuration file.' }, load: () => import('./check.js') },
  {
    names: { 'fabric-config': 'What the leaf needs for this host, in its own words.' },
    load: () => import('./fabric-config.js'),
  },
  {
    names: { import: "A configuration in the place of FRR and the kernel's VXLAN devices." },
    load: () => import('./import.js'),
  },
  {
    names: {
      status: 'The host at a glance.',
      config: 'The configuration in force.',
      peers: 'BGP peers.',
      networks: 'Bridge domains.',
      vrfs: 'IP-VRFs.',
      prefixes: 'What IP-VRFs forward by, one row per path.',
      vteps: 'Far VTEPs.',
      macs: 'MAC addresses, local and remote.',
      segments: 'Ethernet segments: hosts behind several VTEPs.',
      groups: 'Multicast groups and who wants them.',
      routes: 'Routes, one row per path.',
      ports: 'Host attachments and their counters.',
      drops: 'Frames lost, by reason.',
    },
    load: () => import('./reads.js'),
  },
  {
    names: { trace: "A frame's way through this host, step by step." },
    load: () => import('./trace.js'),
  },
  { names: { events: 'What happened, and what happens.' }, load: () => import('./events.js') },
  {
    names: { token: 'Who may use the API over TCP.' },
    load: () => import('./token.js'),
  },
  {
    names: { capture: 'Frames on their way, as lines or pcapng.' },
    load: () => import('./capture.js'),
  },
  {
    names: { why: 'Why a MAC, an IP address or a VTEP is reached, or not.' },
    load: () => import('./why.js'),
  },
  {
    names: { doctor: 'What is not as it should be, why, and what mends it.' },
    load: () => import('./doctor.js'),
  },
  {
    names: {
      vrf: 'Add and remove VRFs at run time.',
      network: 'Add, remove and hold networks at run time.',
      port: 'Add, remove and move to ports at run time.',
      attach: 'Put a port into the network of a VNI, made when it is not there.',
      detach: 'Close a port that was attached.',
      host: 'Say which hosts are behind a port.',
      peer: 'Add, remove and clear peers at run time.',
      duplicate: 'Clear what was found to be duplicate.',
      dump: 'Write the routes to an MRT file.',
      reload: 'Read the configuration file again.',
    },
    load: () => import('./operations.js'),
  },
  {
    names: { show: "The network team's words: show commands as FRR has them." },
    load: () => import('./show/index.js'),
  },
  {
    names: { 'docker-plugin': 'Serve Docker as a network driver.' },
    load: () => import('./docker-plugin.js'),
  },
  {
    names: { extcap: 'Answer Wireshark, as a plug-in of its list of interfaces.' },
    load: () => import('./extcap.js'),
  },
  {
    names: { 'libvirt-hook': 'Attach and detach what a libvirt domain says.' },
    load: () => import('./libvirt-hook.js'),
  },
  {
    names: { completion: 'Completion for bash, zsh or fish.' },
    load: () => import('./completion.js'),
  },
]

/** The program, with those commands in full that occur among the words. */
export async function createProgram(
  context: CliContext,
  words: readonly string[],
): Promise<Command> {
  const program = new Command('vtep')
    .description('VXLAN and EVPN on the hypervisor host.')
    .version(packageVersion())
    .option(
      '--runtime-dir <directory>',
      `directory of the instance (VTEP_RUNTIME_DIR; default: ${DEFAULT_RUNTIME_DIR})`,
    )
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'vtep: ')),
    })
    .exitOverride()
    .addHelpText(
      'after',
      `
Exit codes: 0 ok, 1 failed, 2 usage, 3 daemon not reachable.`,
    )
  for (const { names, load } of commands) {
    if (Object.keys(names).some((name) => words.includes(name)))
      (await load()).define(program, context, () => createWholeProgram(context))
    else for (const [name, line] of Object.entries(names)) program.command(name).description(line)
  }
  for (const command of program.commands) inherit(command)
  return program
}

/** With every command in full. */
export function createWholeProgram(context: CliContext): Promise<Command> {
  return createProgram(
    context,
    commands.flatMap(({ names }) => Object.keys(names)),
  )
}

/** Commander hands exitOverride and the output to commands made by command(), but not below groups made elsewhere. */
function inherit(command: Command): void {
  command.exitOverride()
  command.configureHelp({ showGlobalOptions: true })
  for (const child of command.commands) inherit(child)
}

/** Runs a command line; answers the exit code. Never throws for what the user did. */
export async function runCommandLine(
  words: readonly string[],
  context: CliContext,
): Promise<number> {
  try {
    const program = await createProgram(context, words)
    if (words.length === 0) {
      program.outputHelp({ error: true })
      return exitCode.usage
    }
    await program.parseAsync(words, { from: 'user' })
    return exitCode.ok
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.ok : exitCode.usage
    if (error instanceof CommandFailure || error instanceof HostFailure) {
      for (const line of error.lines) context.stderr.write(`vtep: ${line}\n`)
      return error instanceof CommandFailure ? error.code : exitCode.failed
    }
    throw error
  }
}
