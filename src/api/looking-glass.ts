// GET /lg/...: the state as a tree of links, in plain pages that need no script; JSON for programs. The tree follows from the views
// and their filters: /lg/routes/evpn/type/2 are the routes whose family is evpn and whose type is 2. Behind the name of a view, a
// word that is no filter is a value of its first one, so /lg/networks/blue and /lg/peers/10.0.0.1 are what one would guess.

import type { FastifyInstance } from 'fastify'
import { type HostSurface, type View, views } from '../host/index.js'
import { guardPage, wantsHtml } from './dashboard.js'
import { errorBody } from './errors.js'
import { type Element, element, renderPage } from './html.js'
import { select } from './reads.js'

type Row = Readonly<Record<string, unknown>>
type Filter = readonly [key: string, value: string]

export const prefix = '/lg'
const ROWS_PER_PAGE = 500
/** Values of a filter that are offered as links. */
const MOST_VALUES = 40

/** Where the value of a column leads. */
const links: Readonly<Record<string, string>> = {
  network: 'networks',
  networks: 'networks',
  vrf: 'vrfs',
  dst: 'vteps',
  nextHop: 'vteps',
  vteps: 'vteps',
  ifname: 'ports',
  ports: 'ports',
  peer: 'peers',
  mac: 'macs/mac',
  rd: 'routes/rd',
  esi: 'segments',
  group: 'groups/group',
}

interface Where {
  readonly view: View
  readonly filters: readonly Filter[]
}

/** Undefined when there is no such place. */
export function parsePath(words: readonly string[]): Where | undefined {
  const [name, ...rest] = words
  const view = views.find((one) => one.name === name)
  if (view === undefined) return undefined
  const filters: Filter[] = []
  for (let i = 0; i < rest.length; ) {
    const word = rest[i]!
    const value = rest[i + 1]
    if (view.filters.includes(word) && value !== undefined) {
      filters.push([word, value])
      i += 2
    } else if (i === 0 && view.filters[0] !== undefined) {
      filters.push([view.filters[0], word])
      i += 1
    } else return undefined
  }
  return { view, filters }
}

export const formatPath = ({ view, filters }: Where): string =>
  [prefix, view.name, ...filters.flat().map(encodeURIComponent)].join('/')

export function addLookingGlass(app: FastifyInstance, host: HostSurface): void {
  app.get('/lg', (_request, reply) => reply.redirect(`${prefix}/`))
  app.get(`${prefix}/style.css`, { config: { role: 'open' } }, (_request, reply) =>
    guardPage(reply)
      .header('cache-control', 'no-cache')
      .type('text/css; charset=utf-8')
      .send(style),
  )
  app.get<{ Params: { readonly '*': string }; Querystring: { readonly from?: string } }>(
    `${prefix}/*`,
    (request, reply) => {
      const html = wantsHtml(request.headers.accept)
      const words = request.params['*'].split('/').filter((word) => word !== '')
      guardPage(reply).header('cache-control', 'no-store')
      if (words.length === 0) return html ? reply.type(htmlType).send(front(host)) : frontList()
      const where = parsePath(words)
      if (where === undefined) {
        const got = words.join('/')
        reply.code(404)
        const body = errorBody(
          `${prefix}/${got}`,
          'a view, then its filters and their values',
          'an unknown path',
        )
        return html ? reply.type(htmlType).send(unknown(host, body.error)) : body
      }
      const found = host.state[where.view.name]() as object | readonly object[]
      const rows = Array.isArray(found)
        ? select(
            found as readonly Row[],
            where.filters.map(([key, value]) => [key, [value]] as const),
          )
        : [found as Row]
      const from = Math.max(0, Number.parseInt(request.query.from ?? '0', 10) || 0)
      return html
        ? reply.type(htmlType).send(place(host, where, rows, from))
        : {
            path: formatPath(where),
            count: rows.length,
            from,
            rows: rows.slice(from, from + ROWS_PER_PAGE),
          }
    },
  )
}

const htmlType = 'text/html; charset=utf-8'

const frontList = (): object => ({
  path: `${prefix}/`,
  children: views.map(({ name, summary }) => ({ path: `${prefix}/${name}`, summary })),
})

function page(host: HostSurface, title: string, ...content: readonly Element[]): string {
  return renderPage({ title: `${title} · vtep looking glass`, stylesheet: `${prefix}/style.css` }, [
    element('header', {}, [
      element('a', { href: `${prefix}/` }, ['vtep looking glass']),
      ` ${host.state.status().vtep} · ${host.version} · `,
      element('a', { href: '/' }, ['dashboard']),
    ]),
    element('main', {}, content),
  ])
}

function front(host: HostSurface): string {
  const rows = views.map(({ name, summary }) =>
    element('li', {}, [element('a', { href: `${prefix}/${name}` }, [name]), ` ${summary}`]),
  )
  return page(host, 'Looking glass', element('h1', {}, ['Looking glass']), element('ul', {}, rows))
}

const unknown = (host: HostSurface, sentence: string): string =>
  page(host, 'Not found', element('h1', {}, ['Not found']), element('p', {}, [sentence]))

function place(host: HostSurface, where: Where, rows: readonly Row[], from: number): string {
  const { view, filters } = where
  const title = [view.name, ...filters.map(([, value]) => value)].join(' ')
  const crumbs = [undefined, ...filters.map((_, i) => i)].map((last) => {
    const upTo = { view, filters: last === undefined ? [] : filters.slice(0, last + 1) }
    const text = last === undefined ? view.name : filters[last]!.join(' ')
    return element('a', { href: formatPath(upTo) }, [text])
  })
  const shown = rows.slice(from, from + ROWS_PER_PAGE)
  const body =
    view.single === true || rows.length === 1
      ? [facts(rows[0] ?? {}, true)]
      : [facets(where, rows), table(shown)]
  const json = `${formatPath(where)}: ${rows.length} row${rows.length === 1 ? '' : 's'}, also as JSON (Accept: application/json)`
  return page(
    host,
    title,
    element(
      'nav',
      { 'aria-label': 'Path' },
      crumbs.flatMap((crumb, i) => (i === 0 ? [crumb] : [' / ', crumb])),
    ),
    element('h1', {}, [title]),
    element('p', { class: 'note' }, [view.summary]),
    ...(rows.length === 0 ? [element('p', {}, ['Nothing.'])] : body),
    ...turn(where, rows.length, from),
    element('p', { class: 'note' }, [json]),
  )
}

/** Where there are more rows than one page has. */
function turn(where: Where, count: number, from: number): Element[] {
  const at = (start: number, text: string): Element =>
    element('a', { href: `${formatPath(where)}?from=${start}` }, [text])
  const before = from > 0 ? [at(Math.max(0, from - ROWS_PER_PAGE), 'earlier'), ' '] : []
  const after = from + ROWS_PER_PAGE < count ? [at(from + ROWS_PER_PAGE, 'later')] : []
  return before.length + after.length === 0 ? [] : [element('p', {}, [...before, ...after])]
}

/** The filters that are not used yet, with the values that rows have. */
function facets(where: Where, rows: readonly Row[]): Element {
  const items = where.view.filters
    .filter((key) => where.filters.every(([used]) => used !== key))
    .flatMap((key) => {
      const counts = new Map<string, number>()
      for (const row of rows)
        for (const value of [row[key]].flat())
          if (value !== undefined && value !== null && value !== '')
            counts.set(String(value), (counts.get(String(value)) ?? 0) + 1)
      // With one value for each row it would be the table once more.
      if (counts.size < 2 || counts.size === rows.length) return []
      const values = [...counts].sort(([, a], [, b]) => b - a).slice(0, MOST_VALUES)
      const more = counts.size > values.length ? ` and ${counts.size - values.length} more` : ''
      const offered = values.flatMap(([value, count], i): Element[] => [
        i === 0 ? '' : ', ',
        element(
          'a',
          { href: formatPath({ ...where, filters: [...where.filters, [key, value]] }) },
          [value],
        ),
        ` (${count})`,
      ])
      return [element('li', {}, [element('b', {}, [key]), ': ', ...offered, more])]
    })
  return items.length === 0 ? '' : element('ul', { class: 'facets' }, items)
}

function table(rows: readonly Row[]): Element {
  const keys = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter(
    (key) => key !== 'attributes',
  )
  return element('div', { class: 'wide' }, [
    element('table', {}, [
      element('thead', {}, [
        element(
          'tr',
          {},
          keys.map((key) => element('th', { scope: 'col' }, [key])),
        ),
      ]),
      element(
        'tbody',
        {},
        rows.map((row) =>
          element(
            'tr',
            {},
            keys.map((key) => element('td', {}, [shown(key, row[key])])),
          ),
        ),
      ),
    ]),
  ])
}

function facts(row: object, linked: boolean): Element {
  return element(
    'dl',
    {},
    Object.entries(row).flatMap(([key, value]) => [
      element('dt', {}, [key]),
      element('dd', {}, [linked ? shown(key, value) : plain(value)]),
    ]),
  )
}

/** A value, as a link where it has a place of its own. */
function shown(key: string, value: unknown): Element {
  if (Array.isArray(value))
    return element(
      'span',
      {},
      value.flatMap((one, i): Element[] => [i === 0 ? '' : ', ', shown(key, one)]),
    )
  const target = links[key]
  if (
    target === undefined ||
    (typeof value !== 'string' && typeof value !== 'number') ||
    value === ''
  )
    return plain(value)
  return element('a', { href: `${prefix}/${target}/${encodeURIComponent(value)}` }, [String(value)])
}

function plain(value: unknown): Element {
  if (value === null || value === undefined || value === '') return '–'
  if (Array.isArray(value))
    return element(
      'span',
      {},
      value.flatMap((one, i): Element[] => [i === 0 ? '' : ', ', plain(one)]),
    )
  if (typeof value === 'object') return facts(value, false)
  return String(value)
}

const style = `:root { color-scheme: light dark; font: 14px/1.45 system-ui, sans-serif; }
body { margin: 0; } header { padding: .5rem 1rem; border-bottom: 1px solid #8886; } main { padding: .5rem 1rem 2rem; }
h1 { font-size: 1.3rem; margin: .5rem 0; } .note { opacity: .75; } .wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .25rem .7rem .25rem 0; border-bottom: 1px solid #8884; vertical-align: top; white-space: nowrap; }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .2rem 1rem; margin: 0; } dd { margin: 0; overflow-wrap: anywhere; }
dt { opacity: .75; } .facets { padding-left: 1.1rem; }
`
