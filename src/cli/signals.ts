// The signals that a process of ours understands.

export interface Signals {
  /**
   * The first SIGTERM or SIGINT: end; a second one ends the process at once. SIGUSR2: end at once, and leave everything as it
   * is for the process that comes next.
   */
  readonly ended: Promise<'end' | 'handOver'>
  /** SIGHUP; before this is called it is ignored. */
  onHangup(listener: () => void): void
  forget(): void
}

/** Watches from now on, until `forget`. */
export function watchSignals(): Signals {
  let listener = (): void => {}
  const hangup = (): void => listener()
  let end = (_how: 'end' | 'handOver'): void => {}
  const ended = new Promise<'end' | 'handOver'>((resolve) => {
    end = resolve
  })
  let asked = false
  const onEnd = (): void => {
    if (asked) process.exit(1)
    asked = true
    end('end')
  }
  const onHandOver = (): void => end('handOver')
  process.on('SIGTERM', onEnd)
  process.on('SIGINT', onEnd)
  process.on('SIGHUP', hangup)
  process.on('SIGUSR2', onHandOver)
  return {
    ended,
    onHangup: (next) => {
      listener = next
    },
    forget: () => {
      process.off('SIGTERM', onEnd)
      process.off('SIGINT', onEnd)
      process.off('SIGHUP', hangup)
      process.off('SIGUSR2', onHandOver)
    },
  }
}
