// Process entry: words in, exit code out.

import { runCommandLine } from './cli/index.js'

// Whoever reads us may stop reading (vtep macs | head).
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

const { stdout, stderr, env: environment } = process
process.exitCode = await runCommandLine(process.argv.slice(2), { stdout, stderr, environment })
