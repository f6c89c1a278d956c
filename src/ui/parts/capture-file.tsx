// Frames of a pcap or pcapng file: listed, decoded, traced. The file does not leave the browser.

import { useState } from 'preact/hooks'
import { type CapturedFrame, linkTypes, readCapture } from '../../wire/capture/index.js'
import { describeFrame } from '../../wire/frame/index.js'
import { setQuery, usePlace } from '../router.js'
import { grouped } from '../text.js'
import { FrameView } from './frame-view.js'
import { type Column, DataTable } from './table.js'
import { TraceFrame } from './trace-frame.js'

interface Opened {
  readonly name: string
  readonly frames: readonly CapturedFrame[]
  readonly problem?: string
}

/** Kept while one looks at other pages. */
let opened: Opened | undefined

const MOST_BYTES = 256 * 1024 * 1024

async function open(file: File): Promise<Opened> {
  if (file.size > MOST_BYTES)
    return {
      name: file.name,
      frames: [],
      problem: `${file.name}: expected at most 256 MiB, got ${grouped(file.size)} bytes`,
    }
  const read = readCapture(new Uint8Array(await file.arrayBuffer()))
  return 'frames' in read
    ? { name: file.name, ...read }
    : { name: file.name, frames: [], problem: read.problem }
}

/** Time since the first frame, in seconds with microseconds. */
function since({ time }: CapturedFrame, first: CapturedFrame | undefined): string {
  if (time === undefined || first?.time === undefined) return ''
  return (Number((time - first.time) / 1000n) / 1e6).toFixed(6)
}

const summary = ({ octets, linkType }: CapturedFrame): string =>
  linkType === linkTypes.ethernet ? describeFrame(octets) : `link type ${linkType}`

export function CaptureFile() {
  const [file, setFile] = useState(opened)
  const [over, setOver] = useState(false)
  const take = async (list: FileList | null | undefined): Promise<void> => {
    const first = list?.[0]
    if (first === undefined) return
    setQuery({ open: undefined, q: undefined })
    opened = await open(first)
    setFile(opened)
  }
  return (
    <>
      <label
        class={`drop ${over ? 'over' : ''}`}
        onDragOver={(event) => {
          event.preventDefault()
          setOver(true)
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault()
          setOver(false)
          void take(event.dataTransfer?.files)
        }}
      >
        Drop a pcap or pcapng file here, or choose one
        <input
          type="file"
          accept=".pcap,.pcapng,.cap"
          onChange={(event) => void take(event.currentTarget.files)}
        />
      </label>
      {file?.problem === undefined ? null : (
        <p class="banner bad" role="alert">
          {file.problem}
        </p>
      )}
      {file === undefined ? null : <Frames of={file} />}
    </>
  )
}

function Frames({ of }: { readonly of: Opened }) {
  const { query } = usePlace()
  const first = of.frames[0]
  const chosen = of.frames.find(({ number }) => String(number) === query['open'])
  return (
    <>
      <DataTable
        label={`frames of ${of.name}`}
        columns={columnsFrom(first)}
        rows={of.frames}
        rowKey={({ number }) => String(number)}
        empty="No frame."
        details={(frame) => (
          <>
            <h2>Frame {frame.number}</h2>
            {frame.comments.map((comment, i) => (
              <p key={i} class="note">
                {comment}
              </p>
            ))}
            <FrameView octets={frame.octets} />
          </>
        )}
      />
      {chosen === undefined ? null : chosen.linkType === linkTypes.ethernet ? (
        <TraceFrame key={chosen.number} octets={chosen.octets} />
      ) : (
        <p class="note">
          Only Ethernet frames can be traced; this one has link type {chosen.linkType}.
        </p>
      )}
    </>
  )
}

const made = new WeakMap<CapturedFrame, readonly Column<CapturedFrame>[]>()

/** The same columns for the same file: a table is not made anew for nothing. */
function columnsFrom(first: CapturedFrame | undefined): readonly Column<CapturedFrame>[] {
  const known = first === undefined ? undefined : made.get(first)
  if (known !== undefined) return known
  const columns: readonly Column<CapturedFrame>[] = [
    {
      key: 'number',
      title: 'No',
      width: 7,
      numeric: true,
      text: ({ number }) => String(number),
      order: ({ number }) => number,
    },
    {
      key: 'time',
      title: 'Seconds',
      width: 12,
      numeric: true,
      text: (frame) => since(frame, first),
      order: ({ time }) => Number(time ?? 0),
    },
    {
      key: 'length',
      title: 'Octets',
      width: 8,
      numeric: true,
      text: ({ length }) => String(length),
      order: ({ length }) => length,
    },
    { key: 'ifname', title: 'Interface', width: 12, text: ({ ifname }) => ifname },
    { key: 'summary', title: 'Frame', width: 60, text: summary },
    { key: 'comment', title: 'Comment', width: 24, text: ({ comments }) => comments.join('; ') },
  ]
  if (first !== undefined) made.set(first, columns)
  return columns
}
