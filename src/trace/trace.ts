// What a trace of the core says, in words: the bytes of native/core/tracer.hpp as steps, copies and a verdict.

import {
  type DropName,
  decodeSteps,
  dropReasons,
  stepText,
  type TraceStep,
} from '../fib/tables.gen.js'
import {
  decodeOutcomes,
  destinationWord,
  encodeOutcomes,
  type Outcome,
} from '../wire/frame/index.js'

export type TraceOutcome = 'port' | 'remote' | 'flood' | 'gateway' | 'drop' | 'answered'

export interface TraceVerdict {
  /**
   * `port`, `remote`: bridged to one place. `flood`: copies for many. `gateway`: routed. `answered`: the switch or the router answers
   * itself. `drop`: no copy of the frame leaves; its sender may be told all the same.
   */
  readonly outcome: TraceOutcome
  /** Of a drop or an answer, as in native/core/drop.def. */
  readonly reason: DropName | null
  readonly text: string
}

export interface TracedStep {
  readonly step: string
  /** One sentence. */
  readonly text: string
  /** By the names of native/layout/steps.ts; ports and interfaces by their names where they are known. */
  readonly fields: Readonly<Record<string, string | number>>
}

export interface TracedCopy {
  /** Name of a port, or address of a VTEP. */
  readonly to: string
  /** As it leaves, with the outer headers, in hexadecimal. */
  readonly frame: string
}

export interface Trace {
  readonly verdict: TraceVerdict
  readonly steps: readonly TracedStep[]
  readonly out: readonly TracedCopy[]
  /** Copies and steps that found no room: 0 but for floods to hundreds of places. */
  readonly leftOut: { readonly copies: number; readonly steps: number }
}

/** Names of what the tables number; undefined where it is not known. */
export interface TraceNames {
  port(id: number): string | undefined
  /** By the kernel's interface index. */
  interface?(ifindex: number): string | undefined
}

const noNames: TraceNames = { port: () => undefined }

/** Reads what Tracer::trace() has written. Throws RangeError for anything else. */
export function readTrace(octets: Uint8Array, names: TraceNames = noNames): Trace {
  const outcomes = decodeOutcomes(octets)
  const at = encodeOutcomes(outcomes).length
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length)
  const length = view.getUint32(at + 8, true)
  const steps = decodeSteps(octets.subarray(at + 12, at + 12 + length))
  return {
    verdict: verdict(outcomes, steps, names),
    steps: steps.map((step) => inWords(step, names)),
    out: copies(outcomes, steps, names),
    leftOut: { copies: view.getUint32(at, true), steps: view.getUint32(at + 4, true) },
  }
}

const portName = (id: number, names: TraceNames): string => names.port(id) ?? String(id)

type Left = Extract<TraceStep, { readonly step: 'leftByPort' | 'leftToVtep' }>

const isLeft = (step: TraceStep): step is Left =>
  step.step === 'leftByPort' || step.step === 'leftToVtep'

/** The core tells of a copy when it is written, so both have one order. */
function copies(
  outcomes: readonly Outcome[],
  steps: readonly TraceStep[],
  names: TraceNames,
): TracedCopy[] {
  const left = steps.filter(isLeft)
  return outcomes
    .filter((outcome) => outcome.kind === 'emit')
    .map(({ destination, frame }, i) => {
      const step = left[i]
      const remote = step?.step === 'leftToVtep' ? step.remote : ''
      const to = isPort(destination) ? portName(destination & 0xffff, names) : remote
      return { to, frame: hex(frame.bytes) }
    })
}

const isPort = (destination: number): boolean => destination >> 24 === destinationWord.port >> 24

const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')

const reasonOf = (number: number): (typeof dropReasons)[number] =>
  dropReasons[number] ?? dropReasons[0]

function verdict(
  outcomes: readonly Outcome[],
  steps: readonly TraceStep[],
  names: TraceNames,
): TraceVerdict {
  const emits = outcomes.filter((outcome) => outcome.kind === 'emit')
  const drops = outcomes.filter((outcome) => outcome.kind === 'drop')
  const has = (name: TraceStep['step']): boolean => steps.some(({ step }) => step === name)
  const whole = drops.find(({ destination }) => destination === 0)
  if (whole !== undefined && (has('answered') || has('echo'))) {
    const { name } = reasonOf(whole.reason)
    const text = has('echo') ? 'the router answers the echo request' : 'answered on the spot'
    return { outcome: 'answered', reason: name, text }
  }
  const lost = whole ?? (emits.length === 0 ? drops[0] : undefined)
  if (lost !== undefined) {
    const { name, text } = reasonOf(lost.reason)
    return { outcome: 'drop', reason: name, text: `${name}: ${text}${consequence(steps)}` }
  }
  const places = placesOf(emits, steps, names)
  const routed = has('hop')
  if (routed) return { outcome: 'gateway', reason: null, text: `routed to ${places}` }
  if (has('flood')) return { outcome: 'flood', reason: null, text: `to ${places}` }
  const outcome = emits.some(({ destination }) => isPort(destination)) ? 'port' : 'remote'
  return { outcome, reason: null, text: `to ${places}` }
}

/** What follows from a loss. */
function consequence(steps: readonly TraceStep[]): string {
  const told = steps.find(({ step }) => step === 'told')
  if (told !== undefined) return '; its sender is told by ICMP'
  const asked = steps.some(({ step }) => step === 'question' || step === 'noNeighbour')
  return asked ? '; a worker keeps it for up to a second, should somebody answer' : ''
}

function placesOf(
  emits: readonly Outcome[],
  steps: readonly TraceStep[],
  names: TraceNames,
): string {
  const left = steps.filter(isLeft)
  const one = left[0]
  if (emits.length === 1 && one !== undefined)
    return one.step === 'leftByPort'
      ? `port ${portName(one.port, names)}`
      : `VTEP ${one.remote} with VNI ${one.vni}`
  const ports = emits.filter(({ destination }) => isPort(destination)).length
  return `${count(ports, 'port')} and ${count(emits.length - ports, 'VTEP')}`
}

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`

/** A step with its sentence. */
function inWords(each: TraceStep, names: TraceNames): TracedStep {
  const { step, ...values } = each
  const fields: Record<string, string | number> = {}
  const said: Record<string, string> = {}
  for (const [key, value] of Object.entries(values)) {
    const { field, shown, text } = readers[key]?.(value as number, names) ?? {
      shown: value as string | number,
    }
    fields[field ?? key] = shown
    said[key] = text ?? String(shown)
  }
  const text = stepText(step).replace(/\{(\w+)\}/g, (_, key: string) => said[key] ?? '')
  return { step, text, fields }
}

interface Shown {
  /** Another name for the field. */
  readonly field?: string
  readonly shown: string | number
  /** In a sentence; left out: as it is shown. */
  readonly text?: string
}

/** Of fields whose number is not what people want to see. */
const readers: Readonly<Record<string, (value: number, names: TraceNames) => Shown>> = {
  port: (id, names) => ({ shown: portName(id, names) }),
  ifindex: (ifindex, names) => {
    const ifname = names.interface?.(ifindex)
    return ifname === undefined ? { shown: ifindex } : { field: 'ifname', shown: ifname }
  },
  reason: (number) => {
    const { name, text } = reasonOf(number)
    return { shown: name, text: `${name} (${text})` }
  },
  room: (octets) => ({ shown: octets, text: octets === 0 ? 'any' : String(octets) }),
  etherType: (type) => ({ shown: `0x${type.toString(16).padStart(4, '0')}` }),
}
