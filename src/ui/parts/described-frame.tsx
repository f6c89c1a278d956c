// A frame in words. What is left out the daemon fills in from what it knows: addresses of the port, the gateway's MAC.

import { useState } from 'preact/hooks'
import type { Trace } from '../../trace/index.js'
import { ApiError, askJson } from '../api.js'
import { setQuery, usePlace } from '../router.js'
import { Problem } from './states.js'
import { type Origin, OriginFields, originBody } from './trace-from.js'
import { TracedView } from './traced.js'

interface FrameField {
  readonly key: string
  readonly title: string
  readonly hint: string
  readonly number?: true
}

/** One more field of the description is one row. */
const fields: readonly FrameField[] = [
  { key: 'dstMac', title: 'To MAC', hint: 'that of the address' },
  { key: 'srcMac', title: 'From MAC', hint: 'that of the port' },
  { key: 'ipDst', title: 'To IP', hint: '10.1.0.5' },
  { key: 'ipSrc', title: 'From IP', hint: 'that of the port' },
  { key: 'sport', title: 'From port', hint: '', number: true },
  { key: 'dport', title: 'To port', hint: '', number: true },
  { key: 'vlan', title: 'VLAN', hint: 'none', number: true },
  { key: 'ttl', title: 'TTL', hint: '64', number: true },
  { key: 'length', title: 'Octets', hint: '', number: true },
]
const protocols = ['icmp', 'tcp', 'udp', 'arp', 'nd']

export function DescribedFrame() {
  const { query } = usePlace()
  const { traced, error, run } = useTrace()
  const by = query['by']
  const origin: Origin = {
    by: by === 'vtep' || by === 'underlay' ? by : 'port',
    port: query['port'] ?? '',
    vtep: query['vtep'] ?? '',
    vni: query['vni'] ?? '',
  }
  const submit = (event: Event): void => {
    event.preventDefault()
    const given = fields.flatMap(({ key, number }) => {
      const value = query[key]
      return value === undefined ? [] : [[key, number === true ? Number(value) : value] as const]
    })
    const frame = Object.fromEntries([
      ...given,
      ...(query['proto'] === undefined ? [] : [['proto', query['proto']] as const]),
    ])
    void run({ ...originBody(origin), frame })
  }
  return (
    <>
      <form class="line" onSubmit={submit}>
        <OriginFields
          of={origin}
          onChange={(next) => setQuery({ ...next, by: next.by === 'port' ? undefined : next.by })}
        />
        <label>
          Protocol
          <select
            value={query['proto'] ?? ''}
            onChange={(event) => setQuery({ proto: event.currentTarget.value })}
          >
            <option value="">by the addresses</option>
            {protocols.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        {fields.map(({ key, title, hint, number }) => (
          <label key={key}>
            {title}
            <input
              placeholder={hint}
              spellcheck={false}
              autocomplete="off"
              {...(number === true
                ? { inputMode: 'numeric' as const, pattern: '\\d+', size: 7 }
                : { size: 18 })}
              value={query[key] ?? ''}
              onInput={(event) => setQuery({ [key]: event.currentTarget.value.trim() })}
            />
          </label>
        ))}
        <button type="submit">Trace</button>
      </form>
      <Problem error={error} what="trace" />
      {traced === undefined ? null : <TracedView of={traced} />}
    </>
  )
}

/** Asks the daemon; the last answer stays until the next. */
function useTrace(): {
  readonly traced: Trace | undefined
  readonly error: ApiError | undefined
  readonly run: (body: object) => Promise<void>
} {
  const [traced, setTraced] = useState<Trace>()
  const [error, setError] = useState<ApiError>()
  const run = async (body: object): Promise<void> => {
    try {
      setTraced(await askJson<Trace>('v1/trace', { method: 'POST', body }))
      setError(undefined)
    } catch (failure) {
      setTraced(undefined)
      setError(failure instanceof ApiError ? failure : new ApiError(0, String(failure)))
    }
  }
  return { traced, error, run }
}
