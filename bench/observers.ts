// Who looks at a daemon, as a program: a Prometheus, a reader of the event stream and an open dashboard, with the requests and
// intervals that those have. Told by `true` and `false`; says how many requests were answered.
// Usage: node observers.js SOCKET

import { type ClientRequest, request } from 'node:http'

const socketPath = process.argv[2]!

/** Path and interval. The dashboard: src/ui/live.ts and the pages of rates. Prometheus asks four times as often as by default. */
const polled: readonly (readonly [string, number])[] = [
  ['/v1/status', 2],
  ['/v1/ports', 2],
  ['/v1/drops', 2],
  ['/metrics', 15 / 4],
]
/** Events are followed by the dashboard, and by one more. */
const streams = 2

let answered = 0
let running: { readonly timers: NodeJS.Timeout[]; readonly followers: ClientRequest[] } | undefined

function get(path: string, accept: string): ClientRequest {
  const outgoing = request({ socketPath, path, headers: { accept } }, (response) => {
    response.on('end', () => {
      if (response.statusCode === 200) answered++
    })
    response.on('error', () => undefined)
    response.resume()
  })
  outgoing.on('error', () => undefined)
  outgoing.end()
  return outgoing
}

function begin(): void {
  running ??= {
    timers: polled.map(([path, seconds]) => {
      get(path, 'application/json')
      return setInterval(() => get(path, 'application/json'), seconds * 1000)
    }),
    followers: Array.from({ length: streams }, () => get('/v1/events', 'text/event-stream')),
  }
}

function end(): void {
  for (const timer of running?.timers ?? []) clearInterval(timer)
  for (const follower of running?.followers ?? []) follower.destroy()
  running = undefined
}

process.on('message', (on) => {
  if (on === true) begin()
  else end()
  process.send?.(answered)
})
process.on('disconnect', end)
process.send?.(0)
