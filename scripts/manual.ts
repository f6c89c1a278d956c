// Writes the man pages and the completion scripts, from the commands themselves and the schema of the configuration.
// Usage: node dist/scripts/manual.js [DIRECTORY]   (default: build/manual; pages in man/, scripts in completion/)

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { completionScripts, manualOf } from '../src/cli/documents.js'

const directory = process.argv[2] ?? 'build/manual'

function write(folder: string, files: ReadonlyMap<string, string>): void {
  mkdirSync(join(directory, folder), { recursive: true })
  for (const [name, text] of files) writeFileSync(join(directory, folder, name), text)
}

write('man', await manualOf())
write('completion', await completionScripts())
