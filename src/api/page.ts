// GET /: a plain page that says what is here. Everything on it comes from the tables.

import { operations, questions, views } from '../host/index.js'

/** Plain text for tools, HTML for browsers. */
export function indexPage(version: string, html: boolean): string {
  const reads = [
    ...views.map(({ name, summary }) => [`/v1/${name}`, summary] as const),
    ...questions
      .filter(({ method }) => method === 'GET')
      .map(({ path, summary }) => [path, summary] as const),
    ['/v1/events', 'Events as they happen (server-sent).'] as const,
    ['/metrics', 'Prometheus metrics.'] as const,
    ['/openapi.json', 'Description of this API.'] as const,
  ]
  const posted = questions.filter(({ method }) => method === 'POST')
  const writes = [...posted, ...operations].map(
    ({ method, path, summary }) => [`${method} ${path}`, summary] as const,
  )
  if (!html) {
    const line = ([what, summary]: readonly [string, string]): string =>
      `${what.padEnd(32)}${summary}`
    const gets = reads.map(([path, summary]) => line([`GET ${path}`, summary]))
    return [`vtep ${version}`, '', ...gets, ...writes.map(line), ''].join('\n')
  }
  const items = reads.map(([path, summary]) => `<li><a href="${path}">${path}</a> ${summary}</li>`)
  const posts = writes.map(([what, summary]) => `<li><code>${what}</code> ${summary}</li>`)
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>vtep</title>
<h1>vtep ${version}</h1>
<ul>${items.join('\n')}</ul>
<ul>${posts.join('\n')}</ul>
</html>
`
}
