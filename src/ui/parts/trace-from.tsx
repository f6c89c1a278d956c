// Where a traced frame comes from: a port of this host, or a VTEP over the underlay.

import type { PortView, VtepView } from '../../host/views/index.js'
import { useView } from '../live.js'

/** What a frame enters by: a port by its name, a VTEP (the frame inside VXLAN), or the underlay (the outer frame as it is). */
export interface Origin {
  readonly by: 'port' | 'vtep' | 'underlay'
  readonly port: string
  /** VTEP address. */
  readonly vtep: string
  readonly vni: string
}

/** As POST /v1/trace wants it. */
export function originBody({ by, port, vtep, vni }: Origin): object {
  if (by === 'port') return { port }
  return { from: by === 'underlay' ? { underlay: true } : { vtep, vni: Number(vni) } }
}

export interface OriginProps {
  readonly of: Origin
  readonly onChange: (origin: Origin) => void
}

export function OriginFields({ of, onChange }: OriginProps) {
  const ports = useView<PortView>('ports')
  const vteps = useView<VtepView>('vteps')
  const choose = (value: string): void => {
    const by = value === 'vtep' || value === 'underlay' ? value : 'port'
    onChange({ ...of, by, port: by === 'port' ? value.slice(1) : '' })
  }
  return (
    <>
      <label>
        From
        <select
          required
          value={of.by === 'port' ? `:${of.port}` : of.by}
          onChange={(event) => choose(event.currentTarget.value)}
        >
          {of.by === 'port' && of.port === '' ? <option value=":">choose</option> : null}
          {ports.data?.map(({ ifname, network }) => (
            <option key={ifname} value={`:${ifname}`}>
              port {ifname} ({network})
            </option>
          ))}
          <option value="vtep">a VTEP, the frame inside</option>
          <option value="underlay">the underlay, as it is</option>
        </select>
      </label>
      {of.by !== 'vtep' ? null : (
        <>
          <label>
            VTEP
            <input
              required
              list="vteps"
              autocomplete="off"
              spellcheck={false}
              value={of.vtep}
              onInput={(event) => onChange({ ...of, vtep: event.currentTarget.value })}
            />
            <datalist id="vteps">
              {vteps.data?.map(({ dst }) => (
                <option key={dst} value={dst} />
              ))}
            </datalist>
          </label>
          <label>
            VNI
            <input
              required
              inputMode="numeric"
              pattern="\d+"
              size={8}
              value={of.vni}
              onInput={(event) => onChange({ ...of, vni: event.currentTarget.value })}
            />
          </label>
        </>
      )}
    </>
  )
}
