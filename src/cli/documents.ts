// What is made of the command table as a whole, for packages: manual and completion.

import { Writable } from 'node:stream'
import type { Command } from 'commander'
import { entriesOf, shells } from './completion.js'
import { manualPages } from './manual.js'
import { createWholeProgram } from './program.js'

/** Where packages put the script of each shell. */
const fileNames: Readonly<Record<string, string>> = {
  bash: 'vtep',
  zsh: '_vtep',
  fish: 'vtep.fish',
}

/** Man pages by file name. */
export async function manualOf(): Promise<ReadonlyMap<string, string>> {
  let written = ''
  const stdout = new Writable({
    write(chunk, _, done) {
      written += String(chunk)
      done()
    },
  })
  const program = await createWholeProgram({ stdout, stderr: stdout, environment: {} })
  return manualPages(program, (command: Command) => {
    written = ''
    command.outputHelp()
    return written.slice(command.helpInformation().length)
  })
}

/** Completion scripts by file name. */
export async function completionScripts(): Promise<ReadonlyMap<string, string>> {
  const { stdout, stderr } = process
  const entries = entriesOf(await createWholeProgram({ stdout, stderr, environment: {} }))
  return new Map(
    Object.entries(shells).map(([shell, script]) => [fileNames[shell] ?? shell, script(entries)]),
  )
}
