// The shell around every page: where one is, whether the daemon is there, keys.

import { useEffect, useRef, useState } from 'preact/hooks'
import { connection, connectionSince, role, status } from './live.js'
import { Login } from './login.js'
import { pages } from './pages/index.js'
import { KeyHelp } from './parts/key-help.js'
import { go, href, usePlace } from './router.js'
import { useSignal } from './signal.js'
import { clock } from './text.js'
import { nextTheme, theme } from './theme.js'

export function App() {
  const { path } = usePlace()
  const page = pages.find((one) => one.path === path)
  const [help, setHelp] = useState(false)
  const main = useRef<HTMLElement>(null)
  const locked = useSignal(connection) === 'locked'
  useEffect(() => {
    document.title = `${page?.title ?? 'Not found'} · vtep`
    scrollTo(0, 0)
  }, [page])
  useKeys(() => setHelp(true))
  return (
    <>
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        Skip to content
      </button>
      <Header />
      <Navigation current={path} />
      <Gone />
      <main id="main" ref={main} tabIndex={-1}>
        {locked ? <Login /> : page === undefined ? <NotFound path={path} /> : <page.component />}
      </main>
      <KeyHelp open={help} onClose={() => setHelp(false)} />
    </>
  )
}

function Header() {
  const now = useSignal(status)
  const state = useSignal(connection)
  const who = useSignal(role)
  const look = useSignal(theme)
  return (
    <header class="top">
      <a class="brand" href={href('/health')} aria-label="vtep, health">
        <span aria-hidden="true" class="mark" />
        vtep
      </a>
      <span class="host">
        {now === undefined ? '' : `${now.vtep} · AS ${now.asn}`}
        {now === undefined ? null : <span class="version"> · {now.version}</span>}
      </span>
      <span class={`live ${state}`} role="status">
        <span aria-hidden="true" class="dot" />
        {
          { connecting: 'connecting', online: 'live', gone: 'no connection', locked: 'locked' }[
            state
          ]
        }
      </span>
      {who === 'read' ? <span class="tag">read-only</span> : null}
      <button
        type="button"
        class="quiet"
        onClick={nextTheme}
        aria-label={`Colours: ${look}`}
        title={`Colours: ${look}`}
      >
        {{ system: '◐', light: '☀', dark: '☾' }[look]}
      </button>
    </header>
  )
}

function Navigation({ current }: { readonly current: string }) {
  const findings = useSignal(status)?.health.length ?? 0
  const link = useRef<HTMLAnchorElement>(null)
  // On a narrow screen the bar scrolls: the present page stays in sight.
  useEffect(() => link.current?.scrollIntoView({ block: 'nearest', inline: 'center' }), [current])
  return (
    <nav aria-label="Pages">
      <ul>
        {pages.map(({ path, title }) => (
          <li key={path}>
            <a
              href={href(path)}
              {...(path === current ? { 'aria-current': 'page', ref: link } : {})}
            >
              {title}
              {path === '/health' && findings > 0 ? (
                <span class="count">
                  {findings}
                  <span class="hidden"> findings</span>
                </span>
              ) : null}
            </a>
          </li>
        ))}
        <li>
          <a href="lg/">Looking glass</a>
        </li>
      </ul>
    </nav>
  )
}

/** Says that what is on the page is old, and since when. */
function Gone() {
  const state = useSignal(connection)
  const since = useSignal(connectionSince)
  const [was, setWas] = useState<number>()
  useEffect(() => {
    if (state === 'gone') setWas(since)
    if (state !== 'online' || was === undefined) return
    const timer = setTimeout(() => setWas(undefined), 6000)
    return () => clearTimeout(timer)
  }, [state, since, was])
  if (state === 'gone')
    return (
      <p class="banner bad" role="alert">
        The daemon can not be reached since {clock(since)}. What is shown is from before; it is
        asked again every two seconds.
      </p>
    )
  if (state !== 'online' || was === undefined) return null
  return (
    <p class="banner good" role="status">
      The daemon is back; it was gone from {clock(was)} to {clock(since)}.
    </p>
  )
}

function NotFound({ path }: { readonly path: string }) {
  return (
    <>
      <h1>Not found</h1>
      <p>
        There is no page <code>{path}</code>. <a href={href('/health')}>Health</a>
      </p>
    </>
  )
}

const SEQUENCE_MILLISECONDS = 1200

/** ? help, / search, g and a letter: a page. Not while one types. */
function useKeys(showHelp: () => void): void {
  useEffect(() => {
    let since = 0
    const onKey = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey) return
      const at = event.target as HTMLElement
      if (at.closest('input, textarea, select, dialog') !== null) return
      const second = performance.now() - since < SEQUENCE_MILLISECONDS
      since = 0
      const page = second ? pages.find(({ key }) => key === event.key) : undefined
      if (page !== undefined) go(page.path)
      else if (event.key === 'g') since = performance.now()
      else if (event.key === '?') showHelp()
      else if (event.key === '/') focusSearch()
      else return
      event.preventDefault()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [showHelp])
}

const searchOf = (): HTMLInputElement | null => document.querySelector('[data-search]')

/** The search of this page; a page without one leads to that of the MACs. */
function focusSearch(): void {
  if (searchOf() === null) go('/macs')
  const focus = (left: number): void => {
    const input = searchOf()
    if (input !== null) input.focus()
    else if (left > 0) requestAnimationFrame(() => focus(left - 1))
  }
  focus(10)
}
