// The front door of cli.

export type { CliContext } from './context.js'
export { runCommandLine } from './program.js'
