// Where a traced frame comes from: a port of this host, or a VTEP over the underlay.

import type { PortView, VtepView } from '../../host/views/index.js'
import { useView } from '../live.js'

export interface Origin {
  /** Name of a port; empty: from the underlay. */
  readonly port: string
  /** VTEP address, for a frame from the underlay. */
  readonly vtep: string
  readonly vni: string
}

export function OriginFields({
  of,
  onChange,
}: {
  readonly of: Origin
  readonly onChange: (origin: Origin) => void
}) {
  const ports = useView<PortView>('ports')
  const vteps = useView<VtepView>('vteps')
  return (
    <>
      <label>
        From
        <select
          value={of.port}
          onChange={(event) => onChange({ ...of, port: event.currentTarget.value })}
        >
          <option value="">the underlay</option>
          {ports.data?.map(({ ifname, network }) => (
            <option key={ifname} value={ifname}>
              port {ifname} ({network})
            </option>
          ))}
        </select>
      </label>
      {of.port !== '' ? null : (
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
