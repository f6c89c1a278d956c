// The place in the dashboard is the URL's fragment: #/macs?network=blue&sort=mac. So every view can be linked and kept, and the
// daemon serves one page only.

import { Signal, useSignal } from './signal.js'

export type Query = Readonly<Record<string, string>>

export interface Place {
  readonly path: string
  readonly query: Query
}

export function parsePlace(fragment: string): Place {
  const [path = '', search = ''] = fragment.replace(/^#/, '').split('?', 2)
  return {
    path: path === '' || path === '/' ? '/health' : path,
    query: Object.fromEntries(new URLSearchParams(search)),
  }
}

/** Keys without a value are left out. */
export function href(
  path: string,
  query: Readonly<Record<string, string | undefined>> = {},
): string {
  const given = Object.entries(query).filter(
    (pair): pair is [string, string] => pair[1] !== undefined && pair[1] !== '',
  )
  const search = new URLSearchParams(given).toString()
  return `#${path}${search === '' ? '' : `?${search}`}`
}

const place = new Signal<Place>(parsePlace(location.hash))
const update = (): void => {
  place.value = parsePlace(location.hash)
}
addEventListener('hashchange', update)
addEventListener('popstate', update)

export const usePlace = (): Place => useSignal(place)

export function go(path: string, query: Readonly<Record<string, string | undefined>> = {}): void {
  location.hash = href(path, query)
}

/** Changes some keys of the query, without a step in the history: typing in a filter is not travelling. */
export function setQuery(changes: Readonly<Record<string, string | undefined>>): void {
  const { path, query } = place.value
  history.replaceState(null, '', href(path, { ...query, ...changes }))
  update()
}
