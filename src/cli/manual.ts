// The manual, made from the commands themselves and from the schema of the configuration: vtep(1), a page for each
// command, vtep.yaml(5).

import type { Command } from 'commander'
import { configSchema, expectedText, packageVersion, type Schema } from '../host/index.js'
import { entry, escaped, heading, literal, page, prose } from './roff.js'

const COMMANDS = 'User Commands'

/** Names of files, and their text. `after` gives what a command's help has behind its options. */
export function manualPages(
  program: Command,
  after: (command: Command) => string,
): ReadonlyMap<string, string> {
  const version = packageVersion()
  const commands = program.commands.filter((command) => command.name() !== 'help')
  const pages = new Map([
    ['vtep.1', page('VTEP', 1, version, COMMANDS, overview(program, commands))],
    ['vtep.yaml.5', page('VTEP.YAML', 5, version, 'File Formats', configuration())],
  ])
  for (const command of commands) {
    const name = pageName(command)
    const lines = commandPage(program, command, after)
    pages.set(`${name}.1`, page(name.toUpperCase(), 1, version, COMMANDS, lines))
  }
  return pages
}

const pageName = (command: Command): string => `vtep-${command.name()}`

const EXIT_CODES: readonly (readonly [string, string])[] = [
  ['0', 'It is done.'],
  ['1', 'It failed; lines on standard error say why, what was expected and what was found.'],
  ['2', 'The command line is not understood.'],
  ['3', 'The daemon is not reachable.'],
]

const exitStatus = (): string[] => [
  heading('EXIT STATUS'),
  ...EXIT_CODES.flatMap(([code, meaning]) => entry(code, meaning)),
]

const FILES: readonly (readonly [string, string])[] = [
  [
    '/etc/vtep/vtep.yaml',
    "The configuration, where the package's units look for it; see vtep.yaml(5).",
  ],
  ['/run/vtep', 'The runtime directory: api.sock, control.sock, dataplane.log, controller.pid.'],
  ['/var/lib/vtep', 'The state directory: what was changed at run time, and dumps.'],
]

const ENVIRONMENT: readonly (readonly [string, string])[] = [
  ['VTEP_RUNTIME_DIR', 'The runtime directory, where --runtime-dir does not say.'],
  ['VTEP_TOKEN', 'Of the API of another host, for `vtep trace --live --far`.'],
  ['VTEP_STATE_DIR', 'The state directory, where --state-dir does not say.'],
  ['NO_COLOR', 'Not empty: no colours.'],
]

function overview(program: Command, commands: readonly Command[]): string[] {
  return [
    heading('NAME'),
    'vtep \\- VXLAN and EVPN on the hypervisor host',
    heading('SYNOPSIS'),
    '.B vtep',
    '[\\fIoptions\\fR] \\fIcommand\\fR [\\fIarguments\\fR]',
    heading('DESCRIPTION'),
    ...prose(
      'A host that runs vtep is a full VTEP of an EVPN fabric: it switches and routes its own virtual machines and containers in user space, and speaks BGP EVPN itself. vtep run is the daemon; the other commands ask and change it by a unix socket.',
    ),
    heading('COMMANDS'),
    ...commands.flatMap((command) => [
      '.TP',
      `.BR ${escaped(pageName(command))} (1)`,
      ...prose(firstSentence(command.description())),
    ]),
    heading('OPTIONS'),
    ...optionEntries(program),
    ...exitStatus(),
    heading('FILES'),
    ...FILES.flatMap(([name, what]) => entry(name, what)),
    heading('ENVIRONMENT'),
    ...ENVIRONMENT.flatMap(([name, what]) => entry(name, what)),
    ...seeAlso(['vtep.yaml(5)', ...commands.map((command) => `${pageName(command)}(1)`)]),
  ]
}

function seeAlso(pages: readonly string[]): string[] {
  const rows = pages.map((name, i) => {
    const [, title = '', section = ''] = /^(.+)(\(\d\))$/.exec(name) ?? []
    return `.BR ${escaped(title)} ${section}${i < pages.length - 1 ? ',' : ''}`
  })
  return [heading('SEE ALSO'), ...rows]
}

function commandPage(
  program: Command,
  command: Command,
  after: (command: Command) => string,
): string[] {
  const leaves = leavesOf(command, [])
  return [
    heading('NAME'),
    `${escaped(pageName(command))} \\- ${escaped(firstSentence(command.description()).replace(/\.$/, ''))}`,
    heading('SYNOPSIS'),
    ...leaves.flatMap(({ words, leaf }, i) => [
      ...(i === 0 ? [] : ['.br']),
      `.B vtep ${escaped(words.join(' '))}`,
      ...[usageOf(leaf)].filter((text) => text !== ''),
    ]),
    heading('DESCRIPTION'),
    ...prose(command.description()),
    ...(leaves.length === 1
      ? [...described(leaves[0]!.leaf, after, heading('OPTIONS'))]
      : leaves.flatMap(({ words, leaf }) => [
          heading(`vtep ${words.join(' ')}`),
          ...prose(leaf.description()),
          ...described(leaf, after, '.SS Options'),
        ])),
    heading('COMMON OPTIONS'),
    ...optionEntries(program).filter((line) => line !== ''),
    ...exitStatus(),
    ...seeAlso(['vtep(1)', 'vtep.yaml(5)']),
  ]
}

function described(
  leaf: Command,
  after: (command: Command) => string,
  title: string,
): readonly string[] {
  const more = after(leaf).trim()
  const operands = leaf.registeredArguments.flatMap((argument) =>
    entry(
      argument.name(),
      [argument.description, choices(argument.argChoices)].filter(Boolean).join('. '),
    ),
  )
  return [title, ...operands, ...optionEntries(leaf), ...(more === '' ? [] : literal(more))]
}

const choices = (all: readonly string[] | undefined): string =>
  all === undefined ? '' : `One of ${all.join(', ')}.`

function leavesOf(
  command: Command,
  above: readonly string[],
): { words: string[]; leaf: Command }[] {
  const words = [...above, command.name()]
  if (command.commands.length === 0) return [{ words, leaf: command }]
  return command.commands.flatMap((child) => leavesOf(child, words))
}

function usageOf(command: Command): string {
  const operands = command.registeredArguments.map((argument) => {
    const name = `\\fI${escaped(argument.name())}\\fR${argument.variadic ? '...' : ''}`
    return argument.required ? name : `[${name}]`
  })
  return [...operands, ...(command.options.length === 0 ? [] : ['[\\fIoptions\\fR]'])].join(' ')
}

function optionEntries(command: Command): string[] {
  const help = { flags: '-h, --help', description: 'What it does.' }
  return [...command.options, help].flatMap(({ flags, description }) => entry(flags, description))
}

const firstSentence = (text: string): string => text.split(/(?<=[.:]) /, 1)[0]!.replace(/:$/, '.')

// ---- vtep.yaml(5)

function configuration(): string[] {
  return [
    heading('NAME'),
    'vtep.yaml \\- configuration of a vtep host',
    heading('DESCRIPTION'),
    ...prose(
      'YAML. Unknown keys are errors. vtep check lists every problem of a file at once, each with path, line, what was expected and what was found. Passwords and what holds until a restart aside, a running daemon takes a changed file by vtep reload or SIGHUP, whole or not at all.',
    ),
    heading('EXAMPLE'),
    ...literal(EXAMPLE),
    heading('KEYS'),
    ...keysOf(configSchema as Schema),
    ...seeAlso(['vtep(1)', 'vtep-check(1)', 'vtep-reload(1)']),
  ]
}

const EXAMPLE = `asn: 65011
vtep:
  address: 10.0.0.11
bgp:
  neighbors:
    - { address: 10.0.0.1, asn: 65000, families: [evpn, ipv4] }
networks:
  - name: blue
    vni: 10100
    routeTargets: { import: ["65000:10100"], export: ["65000:10100"] }
    ports:
      - { name: vm1 }`

function keysOf(schema: Schema): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, key]) => {
    const isRequired = schema.required?.includes(name) === true && key.default === undefined
    const inner = key.items?.properties === undefined ? key : key.items
    const nested = inner.properties === undefined ? [] : ['.RS', ...keysOf(inner), '.RE']
    return [...entry(name, meaning(key, isRequired)), ...nested]
  })
}

function meaning(key: Schema, isRequired: boolean): string {
  const { description = '', default: fallback } = key
  const isPlain = fallback !== undefined && typeof fallback !== 'object'
  const kind =
    key.type === 'array' ? `A list, each ${kindOf(key.items ?? {})}.` : `${capital(kindOf(key))}.`
  return [
    kind,
    description,
    isPlain ? `Default: ${String(fallback)}.` : '',
    isRequired ? 'Required.' : '',
  ]
    .filter((text) => text !== '')
    .join(' ')
}

const kindOf = (key: Schema): string =>
  key.enum === undefined ? expectedText(key) : `one of ${key.enum.map(String).join(', ')}`

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
