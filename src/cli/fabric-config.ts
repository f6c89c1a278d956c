// `vtep fabric-config VENDOR`: what the leaf needs for this host, in its own words.

import { readFileSync } from 'node:fs'
import { Argument, type Command } from 'commander'
import {
  type Config,
  type FabricOptions,
  fabricConfig,
  formatFabric,
  formatFinding,
  knownPortKinds,
  type Live,
  leafCandidates,
  loadConfig,
  type PeerView,
  type PortView,
  reasonOf,
  type VendorName,
  type VtepView,
  vendors,
} from '../host/index.js'
import { ParseError, parseIp } from '../net/index.js'
import { call } from './client.js'
import { type CliContext, CommandFailure, exitCode } from './context.js'
import { runtimeDirFor } from './runtime-dir.js'
import { formatJson } from './style.js'

interface FabricCommandOptions {
  readonly config?: string
  readonly peer?: string
  readonly leafPort?: string
  readonly leafAsn?: string
  readonly leafVtep?: string
  readonly vlan?: readonly string[]
  readonly transit?: true
  readonly section?: string
  readonly json?: true
}

export function define(program: Command, context: CliContext): void {
  const command = program
    .command('fabric-config')
    .description(
      'Print what the leaf needs for this host: BGP session, EVPN, VLANs and VNIs, route targets, MTU; and known traps, as comments on top.',
    )
    .addArgument(
      new Argument('<vendor>', 'operating system of the leaf').choices(Object.keys(vendors)),
    )
    .option('--config <file>', 'configuration file. Default: ask the daemon what is in force')
    .option('--peer <name>', 'the neighbour that is the leaf, where there are several')
    .option('--leaf-port <name>', 'port of the leaf that leads here')
    .option('--leaf-asn <number>', 'AS number of the leaf, where it is not known here')
    .option('--leaf-vtep <address>', 'VTEP address of the leaf, where the session is not with it')
    .option('--vlan <name=number...>', 'VLAN of a network or VRF on the leaf')
    .option('--transit', 'the leaf has no tenants in our networks, and passes routes on')
    .option('--section <name>', 'print the lines of one section alone')
    .option('-j, --json', 'as JSON: findings, sections, and how to verify')
    .addHelpText(
      'after',
      '\nExit code 1 when a finding is an error: the lines do not work as they are.',
    )
  command.action(async (vendor: VendorName, options: FabricCommandOptions) => {
    const { config, live } =
      options.config === undefined
        ? await askDaemon(runtimeDirFor(command, context))
        : { config: readConfig(options.config) }
    const fabric = fabricConfig(vendor, config, readOptions(config, options), live)
    const errors = fabric.findings.filter(({ severity }) => severity === 'error')
    const { section: wanted } = options
    if (options.json === true) context.stdout.write(formatJson(fabric, context))
    else if (wanted === undefined) context.stdout.write(formatFabric(fabric))
    else {
      const names = fabric.sections.map(({ name }) => name)
      const section = fabric.sections.find(({ name }) => name === wanted)
      if (section === undefined) throw usage(`--section ${names.join(' or ')}`, wanted)
      context.stdout.write(section.lines.map((line) => `${line}\n`).join(''))
    }
    if (errors.length === 0) return
    const lines = wanted === undefined ? [] : errors.flatMap(formatFinding)
    throw new CommandFailure(exitCode.failed, ...lines)
  })
}

async function askDaemon(runtimeDir: string): Promise<{ config: Config; live: Live }> {
  const get = <T>(view: string): Promise<T> => call<T>(runtimeDir, { path: `/v1/${view}` })
  const [config, peers, ports, vteps] = await Promise.all([
    get<Config>('config'),
    get<PeerView[]>('peers'),
    get<PortView[]>('ports'),
    get<VtepView[]>('vteps'),
  ])
  return {
    config,
    live: { peers, portMtus: ports.map(({ mtu }) => mtu), pathMtus: vteps.map(({ mtu }) => mtu) },
  }
}

function readConfig(file: string): Config {
  let text: string
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (error) {
    throw new CommandFailure(exitCode.failed, `configuration ${file}: ${reasonOf(error)}`)
  }
  const loaded = loadConfig(text, file, knownPortKinds())
  if ('config' in loaded) return loaded.config
  throw new CommandFailure(exitCode.failed, ...loaded.problems.map((problem) => problem.text))
}

function readOptions(config: Config, given: FabricCommandOptions): FabricOptions {
  const candidates = leafCandidates(config)
  if (candidates.length === 0) {
    throw new CommandFailure(
      exitCode.failed,
      'bgp.neighbors: expected a neighbour, the leaf, got none',
    )
  }
  const { peer, leafPort, leafAsn, leafVtep, vlan, transit } = given
  if (peer !== undefined && !candidates.includes(peer))
    throw usage(`--peer ${candidates.join(' or ')}`, peer)
  return {
    ...(peer === undefined ? {} : { peer }),
    ...(leafPort === undefined ? {} : { leafPort }),
    ...(leafAsn === undefined
      ? {}
      : { leafAsn: numberOf(leafAsn, 4294967295, '--leaf-asn an AS number, 1 to 4294967295') }),
    ...(leafVtep === undefined ? {} : { leafVtep: addressOf(leafVtep) }),
    ...(vlan === undefined ? {} : { vlans: vlansOf(vlan, config) }),
    ...(transit === undefined ? {} : { transit }),
  }
}

function vlansOf(words: readonly string[], config: Config): Record<string, number> {
  const names = [...config.networks, ...config.vrfs].map(({ name }) => name)
  return Object.fromEntries(
    words
      .flatMap((text) => text.split(','))
      .map((text) => {
        const [, name = '', number = ''] = /^(.+)=(\d+)$/.exec(text) ?? []
        if (!names.includes(name))
          throw usage('--vlan NAME=NUMBER of a network or VRF of this host', text)
        return [name, numberOf(number, 4094, `--vlan ${name}=1 to 4094`)]
      }),
  )
}

function addressOf(text: string): string {
  try {
    return parseIp(text)
  } catch (error) {
    if (!(error instanceof ParseError)) throw error
    throw usage('--leaf-vtep an IPv4 or IPv6 address', text)
  }
}

function numberOf(text: string, most: number, expected: string): number {
  const number = Number(text)
  if (/^\d+$/.test(text) && number >= 1 && number <= most) return number
  throw usage(expected, text)
}

function usage(expected: string, got: string): CommandFailure {
  return new CommandFailure(
    exitCode.usage,
    `fabric-config: expected ${expected}, got ${JSON.stringify(got)}`,
  )
}
