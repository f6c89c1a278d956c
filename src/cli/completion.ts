// `vtep completion SHELL`: a script made from the commands themselves.

import { Argument, type Command } from 'commander'
import { type CliContext, CommandFailure, exitCode } from './context.js'

/** A command and what may follow it. */
export interface Entry {
  /** "network add"; empty for the program itself. */
  readonly path: string
  readonly words: readonly { readonly word: string; readonly help: string }[]
}

export const shells: Readonly<Record<string, (entries: readonly Entry[]) => string>> = {
  bash,
  zsh,
  fish,
}

export function define(program: Command, context: CliContext, whole: () => Promise<Command>): void {
  program
    .command('completion')
    .description('Print a completion script: source <(vtep completion bash)')
    .addArgument(new Argument('<shell>', 'shell').choices(Object.keys(shells)))
    .action(async (shell: string) => {
      const script = shells[shell]
      if (script === undefined) throw new CommandFailure(exitCode.usage, `shell: unknown ${shell}`)
      context.stdout.write(script(entriesOf(await whole())))
    })
}

export function entriesOf(program: Command): Entry[] {
  const entries: Entry[] = []
  const visit = (command: Command, path: string): void => {
    const options = [...command.options, ...(path === '' ? [] : program.options)]
    entries.push({
      path,
      words: [
        ...command.commands.map((child) => ({ word: child.name(), help: child.description() })),
        ...command.registeredArguments.flatMap((argument) =>
          (argument.argChoices ?? []).map((word) => ({ word, help: argument.description })),
        ),
        ...options
          .filter(({ long }) => long !== '--version' || path === '')
          .map(({ long, description }) => ({ word: long ?? '', help: description })),
        { word: '--help', help: 'what it does' },
      ],
    })
    for (const child of command.commands) visit(child, `${path} ${child.name()}`.trim())
  }
  visit(program, '')
  return entries
}

const single = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

/** The longest run of words that names a command decides; options in between are passed over. */
const bashPath = `  local path= word i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    case " $known " in *" \${path:+$path/}$word "*) path=\${path:+$path/}$word ;; esac
  done`

function bash(entries: readonly Entry[]): string {
  const known = entries.map(({ path }) => path.replaceAll(' ', '/')).filter((path) => path !== '')
  const rows = entries.map(
    ({ path, words }) =>
      `    ${single(path.replaceAll(' ', '/'))}) words=${single(words.map(({ word }) => word).join(' '))} ;;`,
  )
  return `# bash completion for vtep
_vtep() {
  local known=${single(known.join(' '))} words=
${bashPath}
  case $path in
${rows.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _vtep vtep
`
}

function zsh(entries: readonly Entry[]): string {
  const known = entries.map(({ path }) => path.replaceAll(' ', '/')).filter((path) => path !== '')
  const describe = ({ word, help }: Entry['words'][number]): string =>
    single(`${word}:${help.replaceAll(':', '\\:')}`)
  const rows = entries.map(
    ({ path, words }) =>
      `    ${single(path.replaceAll(' ', '/'))}) choices=(${words.map(describe).join(' ')}) ;;`,
  )
  return `#compdef vtep
_vtep() {
  local known=${single(known.join(' '))} at= word i
  local -a choices
  for ((i = 2; i < CURRENT; i++)); do
    word=\${words[i]}
    case " $known " in *" \${at:+$at/}$word "*) at=\${at:+$at/}$word ;; esac
  done
  case $at in
${rows.join('\n')}
  esac
  _describe vtep choices || _files
}
compdef _vtep vtep
`
}

function fish(entries: readonly Entry[]): string {
  const rows = entries.flatMap(({ path, words }) => {
    const [first, second] = path.split(' ')
    const children = words.filter(({ word }) => !word.startsWith('-')).map(({ word }) => word)
    const condition =
      path === ''
        ? '__fish_use_subcommand'
        : [
            `__fish_seen_subcommand_from ${first}`,
            ...(second === undefined ? [] : [`__fish_seen_subcommand_from ${second}`]),
            ...(second === undefined && children.length > 0
              ? [`not __fish_seen_subcommand_from ${children.join(' ')}`]
              : []),
          ].join('; and ')
    return words.map(({ word, help }) => {
      const what = word.startsWith('--') ? `-l ${word.slice(2)}` : `-f -a ${word}`
      return `complete -c vtep -n ${single(condition)} ${what} -d ${single(help)}`
    })
  })
  return `# fish completion for vtep\n${rows.join('\n')}\n`
}
