// Why a MAC or an address is reached, or where the chain breaks.

import { useEffect, useState } from 'preact/hooks'
import type { NetworkView } from '../../host/views/index.js'
import { useRead, useView } from '../live.js'
import { Value } from '../parts/facts.js'
import { Command, Problem, State, type Tone } from '../parts/states.js'
import { setQuery, usePlace } from '../router.js'

interface Link {
  readonly link: string
  readonly status: 'ok' | 'broken' | 'warning' | 'unknown' | 'skipped'
  readonly text: string
  readonly evidence: Readonly<Record<string, unknown>>
  readonly fix: string | null
}

interface Answer {
  readonly network: string
  readonly vni: number
  readonly mac: string | null
  readonly ips: readonly string[]
  readonly verdict: {
    readonly code: string
    readonly severity: 'ok' | 'warning' | 'error'
    readonly text: string
    readonly fix: string | null
  }
  readonly chain: readonly Link[]
}

interface Explanation {
  readonly answers: readonly Answer[]
}

const linkTones: Readonly<Record<Link['status'], Tone>> = {
  ok: 'good',
  broken: 'bad',
  warning: 'warn',
  unknown: 'none',
  skipped: 'none',
}
const tones: Readonly<Record<Answer['verdict']['severity'], Tone>> = {
  ok: 'good',
  warning: 'warn',
  error: 'bad',
}

/** An answer asks VTEPs for a sign of life, so not every moment. */
const EVERY_MILLISECONDS = 30_000

export function Why() {
  const { query } = usePlace()
  const { address = '', network = '' } = query
  const asked = new URLSearchParams({ address, ...(network === '' ? {} : { network }) }).toString()
  const { data, error } = useRead<Explanation>(
    address === '' ? undefined : `v1/why?${asked}`,
    ({ fields }) => fields['mac'] === address || fields['ip'] === address,
    EVERY_MILLISECONDS,
  )
  return (
    <>
      <h1>Why</h1>
      <Ask address={address} network={network} />
      <Problem error={error} what="why" />
      {data?.answers.length === 0 ? <p class="empty">Nothing is known of {address}.</p> : null}
      {data?.answers.map((answer) => (
        <Chain key={`${answer.vni} ${answer.mac}`} of={answer} />
      ))}
    </>
  )
}

function Ask({ address, network }: { readonly address: string; readonly network: string }) {
  const [given, setGiven] = useState({ address, network })
  const networks = useView<NetworkView>('networks')
  useEffect(() => setGiven({ address, network }), [address, network])
  return (
    <form
      class="line"
      onSubmit={(event) => {
        event.preventDefault()
        setQuery({ address: given.address.trim(), network: given.network })
      }}
    >
      <label>
        MAC or IP address
        <input
          data-search
          required
          spellcheck={false}
          autocomplete="off"
          placeholder="02:00:00:00:00:01 or 10.1.0.5"
          value={given.address}
          onInput={(event) => setGiven({ ...given, address: event.currentTarget.value })}
        />
      </label>
      <label>
        Network
        <select
          value={given.network}
          onChange={(event) => setGiven({ ...given, network: event.currentTarget.value })}
        >
          <option value="">any</option>
          {networks.data?.map(({ name }) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <button type="submit">Why?</button>
    </form>
  )
}

function Chain({ of }: { readonly of: Answer }) {
  const { network, vni, mac, ips, verdict, chain } = of
  const tone = tones[verdict.severity]
  return (
    <section class={`verdict ${tone}`} aria-label={`Network ${network}`}>
      <p class="headline">
        <State tone={tone}>
          <strong>{verdict.code}</strong> {verdict.text}
        </State>
      </p>
      <p class="note">
        Network {network}, VNI {vni}
        {mac === null ? null : (
          <>
            , MAC <span class="mono">{mac}</span>
          </>
        )}
        {ips.length === 0 ? null : (
          <>
            , <span class="mono">{ips.join(', ')}</span>
          </>
        )}
      </p>
      {verdict.fix === null ? null : (
        <p class="fix">
          <Command text={verdict.fix} />
        </p>
      )}
      <ol class="chain">
        {chain.map((link, i) => (
          <li key={i} class={link.status}>
            <State tone={linkTones[link.status]}>
              <strong>{link.link}</strong> <span class="hidden">{link.status}:</span> {link.text}
            </State>
            {Object.keys(link.evidence).length === 0 ? null : (
              <details open={link.status === 'broken'}>
                <summary>evidence</summary>
                <Value of={link.evidence} />
              </details>
            )}
            {link.fix === null || link.fix === verdict.fix ? null : (
              <p class="fix">
                <Command text={link.fix} />
              </p>
            )}
          </li>
        ))}
      </ol>
    </section>
  )
}
