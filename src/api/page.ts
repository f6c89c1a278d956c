// GET / for tools: what is here, as plain text. Everything on it comes from the tables.

import { operations, questions, views } from '../host/index.js'

export function indexPage(version: string): string {
  const line = (what: string, summary: string): string => `${what.padEnd(32)}${summary}`
  return [
    `vtep ${version}`,
    '',
    ...views.map(({ name, summary }) => line(`GET /v1/${name}`, summary)),
    ...questions.map(({ method, path, summary }) => line(`${method} ${path}`, summary)),
    line('GET /v1/events', 'Events as they happen (server-sent).'),
    line('GET /metrics', 'Prometheus metrics.'),
    line('GET /openapi.json', 'Description of this API.'),
    line('GET /lg/', 'Looking glass: the same facts as a tree of links, for browsers and as JSON.'),
    line('GET /', 'Dashboard, for browsers.'),
    ...operations.map(({ method, path, summary }) => line(`${method} ${path}`, summary)),
    '',
  ].join('\n')
}
