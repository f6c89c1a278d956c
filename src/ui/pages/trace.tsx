// What would become of a frame: one that is described, or one out of a capture file. Nothing is sent.

import { CaptureFile } from '../parts/capture-file.js'
import { DescribedFrame } from '../parts/described-frame.js'
import { href, usePlace } from '../router.js'

const ways = [
  { key: 'describe', title: 'Describe a frame', component: DescribedFrame },
  { key: 'file', title: 'From a capture file', component: CaptureFile },
] as const

export function Trace() {
  const { query } = usePlace()
  const way = ways.find(({ key }) => key === query['way']) ?? ways[0]
  return (
    <>
      <h1>Trace</h1>
      <p class="note">
        Asks the very core that forwards, step by step. No frame is sent, and nothing is learned.
      </p>
      <nav class="tabs" aria-label="Where the frame comes from">
        {ways.map(({ key, title }) => (
          <a
            key={key}
            href={href('/trace', { way: key })}
            {...(key === way.key ? { 'aria-current': 'true' as const } : {})}
          >
            {title}
          </a>
        ))}
      </nav>
      <way.component />
    </>
  )
}
