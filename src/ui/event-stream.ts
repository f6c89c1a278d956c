// Server-sent events by fetch: the browser's EventSource hears only the kinds that it was told before, and ours may be any word.

/** Calls `hear` with the data of each event until the stream ends. Rejects when it breaks or is no stream. */
export async function readStream(
  path: string,
  signal: AbortSignal,
  hear: (data: string) => void,
): Promise<void> {
  const response = await fetch(path, {
    headers: { accept: 'text/event-stream' },
    credentials: 'same-origin',
    cache: 'no-store',
    signal,
  })
  if (!response.ok || response.body === null) throw new Error(`HTTP ${response.status}`)
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    const blocks = (rest + value).split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) {
      const data = block
        .split('\n')
        .filter((line) => line.startsWith('data:'))
        .map((line) => line.slice(5).trimStart())
      if (data.length > 0) hear(data.join('\n'))
    }
  }
}
