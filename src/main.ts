// Process entry: words in, exit code out.

import { runCommandLine } from './cli/index.js'

const words = process.argv.slice(2)
const { stdout, stderr, env: environment } = process

// Whoever reads us may stop reading (vtep macs | head). A daemon goes on without being read.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  if (words[0] !== 'run') process.exit(0)
})
stderr.on('error', () => {})

process.exitCode = await runCommandLine(words, { stdout, stderr, environment })
