// The signals that a process of ours understands.

export interface Signals {
  /** The first SIGTERM or SIGINT. A second one ends the process at once. */
  readonly ended: Promise<void>
  /** SIGHUP; before this is called it is ignored. */
  onHangup(listener: () => void): void
  forget(): void
}

/** Watches from now on, until `forget`. */
export function watchSignals(): Signals {
  let listener = (): void => {}
  const hangup = (): void => listener()
  let end = (): void => {}
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  let asked = false
  const onEnd = (): void => {
    if (asked) process.exit(1)
    asked = true
    end()
  }
  process.on('SIGTERM', onEnd)
  process.on('SIGINT', onEnd)
  process.on('SIGHUP', hangup)
  return {
    ended,
    onHangup: (next) => {
      listener = next
    },
    forget: () => {
      process.off('SIGTERM', onEnd)
      process.off('SIGINT', onEnd)
      process.off('SIGHUP', hangup)
    },
  }
}
