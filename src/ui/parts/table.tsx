// A table of any number of rows: only those in sight are in the document. Filter, order and the open row are in the URL.

import type { ComponentChildren } from 'preact'
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { setQuery, usePlace } from '../router.js'
import { grouped } from '../text.js'

export interface Column<T> {
  readonly key: string
  readonly title: string
  /** What is searched and shown. */
  readonly text: (row: T) => string
  /** Orders; left out: the text. */
  readonly order?: (row: T) => string | number
  /** Shown instead of the text. */
  readonly cell?: (row: T) => ComponentChildren
  readonly numeric?: true
  /** In characters; columns share what is left by it. */
  readonly width: number
}

export interface TableProps<T> {
  /** What the rows are, for assistive technology. */
  readonly label: string
  readonly columns: readonly Column<T>[]
  readonly rows: readonly T[] | undefined
  readonly rowKey: (row: T) => string
  /** Details of the open row. */
  readonly details?: (row: T) => ComponentChildren
  readonly empty: string
  /** Beside the search. */
  readonly controls?: ComponentChildren
}

const ROW_HEIGHT = 30
const AROUND = 10

export function DataTable<T>({
  label,
  columns,
  rows,
  rowKey,
  details,
  empty,
  controls,
}: TableProps<T>) {
  const { query } = usePlace()
  const { q = '', sort = '', open } = query
  const shown = useSelected(columns, rows, q, sort)
  const [active, setActive] = useState(-1)
  const opened = open === undefined ? undefined : rows?.find((row) => rowKey(row) === open)
  const scroller = useRef<HTMLElement>(null)
  const { first, last } = useWindow(scroller, shown.length)
  const close = (): void => {
    setQuery({ open: undefined })
    scroller.current?.focus()
  }
  const onKey = (event: KeyboardEvent): void => {
    const step = steps[event.key]
    if (step !== undefined && shown.length > 0) {
      const next = Math.min(shown.length - 1, Math.max(0, active + step))
      setActive(next)
      show(scroller.current, next)
    } else if (event.key === 'Enter' && shown[active] !== undefined) {
      setQuery({ open: rowKey(shown[active]) })
    } else if (event.key === 'Escape' && open !== undefined) close()
    else return
    event.preventDefault()
  }
  const total = columns.reduce((sum, { width }) => sum + width, 0)
  return (
    <div class={`explorer ${opened !== undefined && details !== undefined ? 'with-details' : ''}`}>
      <div class="tools">
        <label class="search">
          <span class="hidden">Search {label}</span>
          <input
            type="search"
            data-search
            placeholder="Search  /"
            value={q}
            onInput={(event) => setQuery({ q: event.currentTarget.value })}
          />
        </label>
        {controls}
        <output class="amount">
          {rows === undefined
            ? ''
            : shown.length === rows.length
              ? grouped(rows.length)
              : `${grouped(shown.length)} of ${grouped(rows.length)}`}
        </output>
      </div>
      <section class="scroller" ref={scroller} tabIndex={0} aria-label={label} onKeyDown={onKey}>
        <table aria-rowcount={shown.length + 1} style={{ minWidth: `${total * 0.55}rem` }}>
          <colgroup>
            {columns.map(({ key, width }) => (
              <col key={key} style={{ width: `${(100 * width) / total}%` }} />
            ))}
          </colgroup>
          <thead>
            <tr aria-rowindex={1}>
              {columns.map((column) => (
                <Heading key={column.key} column={column} sort={sort} />
              ))}
            </tr>
          </thead>
          <tbody>
            <Space rows={first} span={columns.length} />
            {shown.slice(first, last).map((row, i) => {
              const at = first + i
              const key = rowKey(row)
              return (
                <tr
                  key={key}
                  aria-rowindex={at + 2}
                  class={`${key === open ? 'open' : ''} ${at === active ? 'active' : ''} ${details === undefined ? '' : 'clickable'}`}
                  onClick={
                    details === undefined
                      ? undefined
                      : (event) => {
                          if ((event.target as HTMLElement).closest('a, button') !== null) return
                          setActive(at)
                          setQuery({ open: key === open ? undefined : key })
                        }
                  }
                >
                  {columns.map((column) => (
                    <td
                      key={column.key}
                      class={column.numeric === true ? 'number' : ''}
                      title={column.text(row)}
                    >
                      {column.cell === undefined ? column.text(row) : column.cell(row)}
                    </td>
                  ))}
                </tr>
              )
            })}
            <Space rows={shown.length - last} span={columns.length} />
          </tbody>
        </table>
        {rows !== undefined && shown.length === 0 ? (
          <p class="empty">{rows.length === 0 ? empty : `Nothing matches “${q}”.`}</p>
        ) : null}
      </section>
      {opened !== undefined && details !== undefined ? (
        <Details label={label} onClose={close} key={open}>
          {details(opened)}
        </Details>
      ) : null}
    </div>
  )
}

const steps: Readonly<Record<string, number>> = {
  ArrowDown: 1,
  ArrowUp: -1,
  PageDown: 15,
  PageUp: -15,
  Home: Number.NEGATIVE_INFINITY,
  End: Number.POSITIVE_INFINITY,
}

function Heading<T>({ column, sort }: { readonly column: Column<T>; readonly sort: string }) {
  const { key, title, numeric } = column
  const up = sort === key
  const down = sort === `-${key}`
  return (
    <th
      scope="col"
      class={numeric === true ? 'number' : ''}
      aria-sort={up ? 'ascending' : down ? 'descending' : 'none'}
    >
      <button
        type="button"
        onClick={() => setQuery({ sort: up ? `-${key}` : down ? undefined : key })}
      >
        {title}
        {up || down ? (
          <span aria-hidden="true" class="order">
            {up ? '▲' : '▼'}
          </span>
        ) : null}
      </button>
    </th>
  )
}

/** In the place of rows that are not in the document. */
function Space({ rows, span }: { readonly rows: number; readonly span: number }) {
  if (rows <= 0) return null
  return (
    <tr aria-hidden="true" class="space">
      <td colSpan={span} style={{ height: `${rows * ROW_HEIGHT}px` }} />
    </tr>
  )
}

function Details({
  label,
  onClose,
  children,
}: {
  readonly label: string
  readonly onClose: () => void
  readonly children: ComponentChildren
}) {
  const aside = useRef<HTMLElement>(null)
  useEffect(() => aside.current?.focus({ preventScroll: true }), [])
  return (
    <aside
      ref={aside}
      class="details"
      aria-label={`Details of ${label}`}
      tabIndex={-1}
      onKeyDown={(event) => {
        if (event.key === 'Escape') onClose()
      }}
    >
      <button type="button" class="quiet close" onClick={onClose} aria-label="Close details">
        ✕
      </button>
      {children}
    </aside>
  )
}

/** Rows that have every word of `q` somewhere, in order. */
function useSelected<T>(
  columns: readonly Column<T>[],
  rows: readonly T[] | undefined,
  q: string,
  sort: string,
): readonly T[] {
  const searched = useMemo(
    () =>
      rows?.map((row) =>
        columns
          .map((column) => column.text(row))
          .join('\n')
          .toLowerCase(),
      ),
    [rows, columns],
  )
  const matching = useMemo(() => {
    if (rows === undefined || searched === undefined) return []
    const wanted = q
      .toLowerCase()
      .split(/\s+/)
      .filter((word) => word !== '')
    if (wanted.length === 0) return rows
    return rows.filter((_, i) => wanted.every((word) => searched[i]!.includes(word)))
  }, [rows, searched, q])
  return useMemo(() => {
    const down = sort.startsWith('-')
    const column = columns.find(({ key }) => key === (down ? sort.slice(1) : sort))
    if (column === undefined) return matching
    const order = column.order ?? column.text
    const keyed = matching.map((row) => [order(row), row] as const)
    const sign = down ? -1 : 1
    keyed.sort(([a], [b]) => (a < b ? -sign : a > b ? sign : 0))
    return keyed.map(([, row]) => row)
  }, [matching, sort, columns])
}

/** Which rows are in sight, and some around them. */
function useWindow(
  scroller: { readonly current: HTMLElement | null },
  count: number,
): { readonly first: number; readonly last: number } {
  const [view, setView] = useState({ top: 0, height: 600 })
  useLayoutEffect(() => {
    const box = scroller.current
    if (box === null) return
    // Only a step of several rows is drawn anew.
    const look = (): void => {
      const step = ROW_HEIGHT * (AROUND / 2)
      const top = Math.floor(box.scrollTop / step) * step
      setView((before) =>
        before.top === top && before.height === box.clientHeight
          ? before
          : { top, height: box.clientHeight },
      )
    }
    look()
    const observer = new ResizeObserver(look)
    observer.observe(box)
    box.addEventListener('scroll', look, { passive: true })
    return () => {
      observer.disconnect()
      box.removeEventListener('scroll', look)
    }
  }, [scroller])
  const first = Math.min(
    Math.max(0, Math.floor(view.top / ROW_HEIGHT) - AROUND),
    Math.max(0, count - 1),
  )
  const last = Math.min(
    count,
    Math.ceil((view.top + view.height) / ROW_HEIGHT) + AROUND + AROUND / 2,
  )
  return { first, last }
}

function show(box: HTMLElement | null, row: number): void {
  if (box === null) return
  const top = row * ROW_HEIGHT
  const head = ROW_HEIGHT
  if (top < box.scrollTop) box.scrollTop = top
  else if (top + ROW_HEIGHT + head > box.scrollTop + box.clientHeight)
    box.scrollTop = top + ROW_HEIGHT + head - box.clientHeight
}
