// Running programs: one awaits a whole command here; long-lived ones are services (service.ts).

import { spawn } from 'node:child_process'

export interface CommandOptions {
  readonly input?: string
  /** Default 30 s; the command is killed and the call fails. */
  readonly timeoutSeconds?: number
  readonly env?: Readonly<Record<string, string>>
}

export interface CommandResult {
  /** Exit status; 128 + number for a signal is not used: see `signal`. */
  readonly code: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

export class CommandError extends Error {
  readonly argv: readonly string[]
  readonly result: CommandResult

  constructor(argv: readonly string[], result: CommandResult, why: string) {
    const said = (result.stderr.trim() || result.stdout.trim()).slice(-2000)
    super(`${argv.join(' ')}: ${why}${said === '' ? '' : `\n${said}`}`)
    this.argv = argv
    this.result = result
  }
}

/** Runs a command to its end, whatever its exit status. */
export function attempt(
  argv: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const [program, ...args] = argv
  const seconds = options.timeoutSeconds ?? 30
  return new Promise((resolve, reject) => {
    const child = spawn(program!, args, {
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
    })
    let stdout = ''
    let stderr = ''
    let late = false
    const timer = setTimeout(() => {
      late = true
      child.kill('SIGKILL')
    }, seconds * 1000)
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.on('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      const result = { code, signal, stdout, stderr }
      if (late) reject(new CommandError(argv, result, `expected to end within ${seconds} s`))
      else resolve(result)
    })
    // A command that ends without reading its input is judged by its exit status, not by the broken pipe.
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(options.input)
  })
}

/** Runs a command that has to succeed; answers its standard output. */
export async function run(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  const result = await attempt(argv, options)
  if (result.code !== 0) {
    throw new CommandError(argv, result, `expected status 0, got ${result.signal ?? result.code}`)
  }
  return result.stdout
}
