// A frame, layer by layer, and its octets; a layer that is pointed at is marked in them.

import { useState } from 'preact/hooks'
import { dissect, type Layer } from '../../wire/frame/index.js'
import { Facts } from './facts.js'

const PER_LINE = 16
const MOST_OCTETS = 512

export function FrameView({ octets }: { readonly octets: Uint8Array }) {
  const [marked, setMarked] = useState<Layer>()
  const layers = dissect(octets)
  return (
    <div class="frame">
      <div class="layers">
        {layers.map((layer) => (
          <details
            key={layer.offset}
            onToggle={(event) => setMarked(event.currentTarget.open ? layer : undefined)}
          >
            <summary>
              <strong>{layer.name}</strong> {layer.text}
            </summary>
            <Facts of={layer.fields} />
          </details>
        ))}
      </div>
      <Hex octets={octets} marked={marked} />
    </div>
  )
}

function Hex({
  octets,
  marked,
}: {
  readonly octets: Uint8Array
  readonly marked: Layer | undefined
}) {
  const shown = octets.subarray(0, MOST_OCTETS)
  const lines = Array.from({ length: Math.ceil(shown.length / PER_LINE) }, (_, i) => i * PER_LINE)
  const inside = (at: number): boolean =>
    marked !== undefined && at >= marked.offset && at < marked.offset + marked.length
  return (
    <section class="hex" tabIndex={0} aria-label="Octets">
      <pre>
        {lines.map((line) => (
          <span key={line} class="line">
            <span class="at">{line.toString(16).padStart(4, '0')}</span>
            {Array.from(shown.subarray(line, line + PER_LINE), (octet, i) => (
              <span key={i} class={inside(line + i) ? 'marked' : ''}>
                {octet.toString(16).padStart(2, '0')}
              </span>
            ))}
            {'\n'}
          </span>
        ))}
        {octets.length > MOST_OCTETS ? `… ${octets.length - MOST_OCTETS} more octets` : ''}
      </pre>
    </section>
  )
}
