// Replay files: JSON lines. The first is the speaker's settings; then events, each followed by the actions it must
// lead to, all of them but logs and in order. `#` begins a comment. Octets may stand as `hex` (a recording) or, to be
// read by people, as `message`, whose fields have defaults; what is sent stands as one line of words, `is`.

import {
  parseEvent,
  Speaker,
  type SpeakerAction,
  type SpeakerEvent,
  type SpeakerSettings,
} from '../../src/bgp/index.js'
import { hexFromBytes } from '../../src/net/index.js'
import {
  afiSafiOf,
  type Capability,
  decodeMessage,
  encodeMessage,
  familyOf,
  formatEvpnRoute,
  initialContext,
  type Message,
  notificationName,
  type Update,
} from '../../src/wire/index.js'

/** An action in words, as replay files have it. */
export type Line = { readonly [name: string]: unknown }

export interface Step {
  readonly event: SpeakerEvent
  /** The event as it stands in the file. */
  readonly text: string
  readonly expected: readonly Line[]
  readonly got: readonly Line[]
}

/** Plays a file into a new speaker. */
export function replay(file: string): {
  readonly steps: readonly Step[]
  readonly speaker: Speaker
} {
  const lines = file.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  const speaker = new Speaker(JSON.parse(lines[0]!) as SpeakerSettings)
  const steps: Step[] = []
  for (let i = 1; i < lines.length; ) {
    const text = lines[i++]!
    const expected: Line[] = []
    while (lines[i]?.startsWith('{"do"')) expected.push(JSON.parse(lines[i++]!) as Line)
    const event = eventOf(text)
    steps.push({ event, text, expected, got: speaker.step(event).flatMap(lineOf) })
  }
  return { steps, speaker }
}

/** The file with the actions that it leads to now. */
export function rewritten(file: string): string {
  const { steps } = replay(file)
  const next = steps[Symbol.iterator]()
  const out: string[] = []
  let isSettings = true
  for (const line of file.trimEnd().split('\n')) {
    if (line.startsWith('{"do"')) continue
    out.push(line)
    if (line === '' || line.startsWith('#')) continue
    if (isSettings) isSettings = false
    else for (const action of next.next().value!.got) out.push(JSON.stringify(action))
  }
  return `${out.join('\n')}\n`
}

function eventOf(text: string): SpeakerEvent {
  const event = parseEvent(text) as SpeakerEvent & { readonly message?: Partial<Message> }
  if (event.event !== 'received' || event.message === undefined) return event
  return { event: 'received', connection: event.connection, bytes: messageOf(event.message) }
}

/** The octets of a message of which only what matters is said. */
function messageOf(message: Partial<Message>): Uint8Array {
  const full =
    message.kind === 'open'
      ? openOf(message as Line)
      : message.kind === 'notification'
        ? { data: new Uint8Array(0), ...message }
        : message.kind === 'update'
          ? { withdrawn: [], attributes: {}, nlri: [], ...message }
          : message
  return encodeMessage(full as Message, initialContext)
}

function openOf(fields: Line): Message {
  const asn = (fields['asn'] as number | undefined) ?? 65000
  const capabilities: Capability[] = [
    { name: 'multiprotocol', ...afiSafiOf('evpn') },
    { name: 'routeRefresh' },
    { name: 'fourOctetAs', asn },
  ]
  return {
    kind: 'open',
    version: 4,
    holdTimeSeconds: 90,
    bgpId: '10.0.0.2',
    capabilities,
    ...fields,
    asn: Math.min(asn, 0xffff),
  } as Message
}

function lineOf(action: SpeakerAction): Line[] {
  if (action.do === 'log') return []
  if (action.do === 'send') {
    return [{ do: 'send', connection: action.connection, is: words(action.bytes) }]
  }
  if (action.do === 'routes') {
    return action.changes.map(({ key, best }) => ({
      do: 'routes',
      key,
      best: best === undefined ? null : best.peer,
    }))
  }
  return [{ ...action }]
}

function words(octets: Uint8Array): string {
  const { message } = decodeMessage(octets, initialContext)
  switch (message?.kind) {
    case 'open':
      return `open AS ${message.asn}, hold time ${message.holdTimeSeconds}, ${message.bgpId}`
    case 'notification': {
      const name = notificationName(message.code, message.subcode)
      const data = hexFromBytes(message.data)
      return `notification ${name}${data === '' ? '' : ` ${data}`}`
    }
    case 'routeRefresh':
      return `routeRefresh ${familyOf(message)} ${message.subtype}`
    case 'update':
      return `update${updateWords(message)}`
    default:
      return message?.kind ?? `octets ${hexFromBytes(octets)}`
  }
}

function updateWords({ attributes, withdrawn, nlri }: Update): string {
  const { mpReach, mpUnreach } = attributes
  const plus = mpReach?.family === 'evpn' ? mpReach.nlri.map(formatEvpnRoute) : []
  const minus = mpUnreach?.family === 'evpn' ? mpUnreach.nlri.map(formatEvpnRoute) : []
  return [
    ...nlri.map(({ prefix }) => ` +${prefix}`),
    ...withdrawn.map(({ prefix }) => ` -${prefix}`),
    ...plus.map((route) => ` +${route}`),
    ...minus.map((route) => ` -${route}`),
  ].join('')
}
