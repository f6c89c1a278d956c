// Health at a glance: what is not as it should be comes first, then the numbers.

import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { EventView, HealthView, StatusView } from '../../host/views/index.js'
import { status, useRead } from '../live.js'
import { Doctor } from '../parts/doctor.js'
import { EventLine } from '../parts/event-line.js'
import { Problem, State } from '../parts/states.js'
import { href } from '../router.js'
import { useSignal } from '../signal.js'
import { grouped, plural } from '../text.js'

export function Health() {
  const now = useSignal(status)
  return (
    <>
      <h1>Health</h1>
      {now === undefined ? (
        <p class="empty">Waiting for the daemon.</p>
      ) : (
        <Findings findings={now.health} />
      )}
      {now === undefined ? null : <Numbers of={now} />}
      <div class="columns">
        <Doctor />
        <Recent />
      </div>
    </>
  )
}

/** A finding of newer daemons has a command that mends it. */
type Finding = HealthView & { readonly fix?: string | null }

function Findings({ findings }: { readonly findings: readonly Finding[] }) {
  const errors = findings.filter(({ severity }) => severity === 'error').length
  const tone = errors > 0 ? 'bad' : findings.length > 0 ? 'warn' : 'good'
  const text =
    findings.length === 0
      ? 'All is as it should be.'
      : errors > 0
        ? `${plural(errors, 'error')}${findings.length > errors ? ` and ${plural(findings.length - errors, 'warning')}` : ''}`
        : plural(findings.length, 'warning')
  return (
    <section aria-label="Findings" class={`verdict ${tone}`} aria-live="polite">
      <p class="headline">
        <State tone={tone}>{text}</State>
      </p>
      {findings.length === 0 ? null : (
        <ul class="findings">
          {findings.map(({ code, severity, text: sentence, fix }) => (
            <li key={`${code} ${sentence}`}>
              <State tone={severity === 'error' ? 'bad' : 'warn'}>
                <strong>{code}</strong> <WithCode text={sentence} />
              </State>
              {fix ? <p class="fix">{fix}</p> : null}
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}

/** Commands stand between backquotes. */
export function WithCode({ text }: { readonly text: string }) {
  return <>{text.split('`').map((part, i) => (i % 2 === 1 ? <code key={i}>{part}</code> : part))}</>
}

function Numbers({ of }: { readonly of: StatusView }) {
  const { peers, macs, networks, uplink, fastPath, audit, underlays } = of
  return (
    <dl class="tiles">
      <Tile name="Peers" to="/peers" tone={peers.established < peers.total ? 'warn' : 'none'}>
        {peers.established} <small>of {peers.total} established</small>
      </Tile>
      <Tile name="MACs" to="/macs">
        {grouped(macs.local)} <small>local</small> {grouped(macs.remote)} <small>remote</small>
      </Tile>
      <Tile name="Networks" to="/networks">
        {grouped(networks)}
      </Tile>
      <Tile name="Uplink" to="/topology" tone={uplink === '' ? 'bad' : 'none'}>
        {uplink === '' ? 'none' : uplink}{' '}
        <small>{underlays.map(({ ifname }) => ifname).join(', ')}</small>
      </Tile>
      <Tile name="Fast path" to="/ports">
        {fastPath === 'on' ? 'on' : 'off'}{' '}
        <small>{fastPath === 'on' ? 'known unicast in the kernel' : fastPath}</small>
      </Tile>
      <Tile name="Audit" to="/events">
        {grouped(audit.repaired)} <small>repaired in {plural(audit.rounds, 'round')}</small>
      </Tile>
      {underlays.flatMap(({ ifname, offloads }) =>
        offloads
          .filter(({ state }) => state === 'off' || state === 'trial')
          .map(({ name, state, reason }) => (
            <Tile key={`${ifname} ${name}`} name={`${ifname}: ${name}`} to="/events" tone="warn">
              {state} <small>{reason}</small>
            </Tile>
          )),
      )}
    </dl>
  )
}

function Tile({
  name,
  to,
  tone = 'none',
  children,
}: {
  readonly name: string
  readonly to: string
  readonly tone?: string
  readonly children: ComponentChildren
}) {
  return (
    <div class={`tile ${tone}`}>
      <dt>
        <a href={href(to)}>{name}</a>
      </dt>
      <dd>{children}</dd>
    </div>
  )
}

const RECENT = 12

/** The newest events that are worth a look. */
function Recent() {
  const { data, error } = useRead<readonly EventView[]>('v1/events', () => true)
  const [loud, setLoud] = useState<readonly EventView[]>([])
  useEffect(() => {
    if (data !== undefined)
      setLoud(
        data
          .filter(({ level }) => level !== 'debug')
          .slice(-RECENT)
          .reverse(),
      )
  }, [data])
  return (
    <section aria-labelledby="recent">
      <h2 id="recent">
        Lately <a href={href('/events')}>all events</a>
      </h2>
      <Problem error={error} />
      {loud.length === 0 ? <p class="empty">Nothing yet.</p> : null}
      <ol class="events">
        {loud.map((event) => (
          <EventLine key={event.sequence} event={event} />
        ))}
      </ol>
    </section>
  )
}
