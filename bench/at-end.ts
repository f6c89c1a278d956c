// What has to be undone however the program ends.

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Calls `act` once: when the answer is called, when the program exits, or when a signal ends it. */
export function atEnd(act: () => void): () => void {
  const once = (): void => {
    process.off('exit', once)
    for (const signal of signals) process.off(signal, interrupted)
    act()
  }
  // Others who undo something listen, too: the last one's signal ends the process.
  const interrupted = (signal: NodeJS.Signals): void => {
    once()
    process.kill(process.pid, signal)
  }
  process.on('exit', once)
  for (const signal of signals) process.on(signal, interrupted)
  return once
}
