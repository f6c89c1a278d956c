// `vtep token`: who may use the API over TCP. Works on the file in the state directory, with or without a daemon.

import { type Command, Option } from 'commander'
import { type StoredToken, stateDirOf, TokenFile } from '../host/instance/index.js'
import type { CliContext } from './context.js'
import { runtimeDirFor } from './runtime-dir.js'
import { type Column, formatJson, formatTable, painter } from './style.js'

interface TokenOptions {
  readonly role?: StoredToken['role']
  readonly stateDir?: string
  readonly json?: true
}

type TokenRow = Omit<StoredToken, 'sha256'>

const columns: readonly Column<TokenRow>[] = (['name', 'role', 'created'] as const).map((key) => ({
  title: key,
  value: (row) => row[key],
}))

export function define(program: Command, context: CliContext): void {
  const group = program
    .command('token')
    .description('Who may use the API over TCP: tokens, of which only digests are kept.')
  const verb = (name: string, description: string): Command =>
    group
      .command(name)
      .description(description)
      .option('--state-dir <directory>', 'of the daemon (VTEP_STATE_DIR; default: as of run)')
  const fileOf = (command: Command, { stateDir }: TokenOptions): TokenFile =>
    new TokenFile(stateDirOf(stateDir, context.environment, runtimeDirFor(command, context)))

  const create = verb('create', 'Make a token. It is shown this once.')
    .argument('<name>', 'who or what it is for')
    .addOption(
      new Option('--role <role>', 'what it allows').choices(['read', 'operator']).default('read'),
    )
    .option('-j, --json', 'as JSON')
  create.action((name: string, options: TokenOptions) => {
    const { role = 'read' } = options
    const token = fileOf(create, options).create(name, role)
    context.stdout.write(
      options.json === true ? formatJson({ name, role, token }, context) : `${token}\n`,
    )
  })

  const list = verb('list', 'The tokens that there are, without themselves.').option(
    '-j, --json',
    'as JSON',
  )
  list.action((options: TokenOptions) => {
    const rows = fileOf(list, options)
      .all()
      .map(({ name, role, created }) => ({ name, role, created }))
    context.stdout.write(
      options.json === true
        ? formatJson(rows, context)
        : formatTable(columns, rows, painter(context)),
    )
  })

  const revoke = verb('revoke', 'Take a token back; its sessions end with it.').argument(
    '<name>',
    'as it was made',
  )
  revoke.action((name: string, options: TokenOptions) => fileOf(revoke, options).revoke(name))
}
