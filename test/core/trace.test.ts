// Traces: what the core tells of a frame is what becomes of it, the same in every build and on an image of the tables, and nothing
// changes by it.

import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { test } from 'tap'
import {
  decodeEvents,
  decodeSteps,
  EventKind,
  type TraceStep,
  traceSteps,
} from '../../src/fib/tables.gen.js'
import type { AddonCore } from '../../src/io/addon.js'
import { loadAddon } from '../../src/io/native.js'
import { WasmCore } from '../../src/io/wasm.js'
import { type ImageTracer, loadCore, readTrace, type TraceOrigin } from '../../src/trace/index.js'
import {
  decodeOutcomes,
  encodeOutcomes,
  encodeRun,
  type RunFrame,
} from '../../src/wire/frame/index.js'
import { script } from './arbitraries.js'
import { addonMissing, applyTo, type Script, type Step, vtep } from './legs.js'
import { groups } from './vectors/index.js'

const numRuns = Number(process.env['CORE_RANDOM_RUNS'] ?? 60)

type Native = InstanceType<ReturnType<typeof loadAddon>['Core']>

/** One frame of a script, before it goes in. */
interface Moment {
  readonly frame: RunFrame
  readonly input: Uint8Array
  readonly native: Native
  /** What the trace has said. */
  readonly traced: Uint8Array
}

const isTraceable = ({ form }: RunFrame): boolean => !form.startsWith('finish')

function perform(core: AddonCore, step: Exclude<Step, { frames: unknown }>): void {
  if ('apply' in step) applyTo(core, step.apply)
  else core.tick(step.tick)
}

/** The octets of a trace that are what run() would give, and its steps. */
function parts(traced: Uint8Array): { outcomes: Uint8Array; steps: TraceStep[]; missed: number } {
  const end = encodeOutcomes(decodeOutcomes(traced)).length
  const view = new DataView(traced.buffer, traced.byteOffset)
  const steps = decodeSteps(traced.subarray(end + 12))
  return {
    outcomes: traced.subarray(0, end),
    steps,
    missed: view.getUint32(end, true) + view.getUint32(end + 4, true),
  }
}

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex')

function mustEqual(what: string, got: string, expected: string): void {
  if (got !== expected) throw new Error(`${what}: expected\n${expected}\ngot\n${got}`)
}

/**
 * Plays a script with a trace in front of every frame, on a native core and as WebAssembly, beside a native core that nobody asks:
 * all must agree on everything.
 */
async function play(
  { vtep: options = vtep, steps }: Script,
  look: (moment: Moment) => void | Promise<void>,
): Promise<void> {
  const { Core } = loadAddon()
  const native = new Core(options)
  const wasm = new WasmCore(options)
  const unasked = new Core(options)
  for (const step of steps) {
    if (!('frames' in step)) {
      for (const core of [native, wasm, unasked]) perform(core, step)
      continue
    }
    for (const frame of step.frames) {
      const input = encodeRun({ now: step.now, frames: [frame] })
      if (isTraceable(frame)) {
        const traced = native.trace(input)
        mustEqual('trace of WebAssembly', hex(wasm.trace(input)), hex(traced))
        await look({ frame, input, native, traced })
        const { outcomes, missed } = parts(traced)
        mustEqual('what was left out', String(missed), '0')
        mustEqual('what becomes of the frame', hex(native.run(input)), hex(outcomes))
      } else native.run(input)
      wasm.run(input)
      unasked.run(input)
      const events = native.drainEvents().events
      mustEqual('events', hex(unasked.drainEvents().events), hex(events))
      if (isTraceable(frame)) mustHaveLearned(native, frame, events, input)
      for (const view of ['mac', 'neighbour', 'listener', 'port'] as const)
        mustEqual(view, hex(native.snapshot(view)), hex(unasked.snapshot(view)))
    }
  }
}

/** What was learned of the frame is known afterwards, so a second trace says so. */
function mustHaveLearned(
  native: Native,
  frame: RunFrame,
  events: Uint8Array,
  input: Uint8Array,
): void {
  const learned = decodeEvents(events).some(
    ({ kind }) => kind === EventKind.macLearned || kind === EventKind.macMoved,
  )
  if (!learned || frame.form !== 'port') return
  const { steps } = parts(native.trace(input))
  const known = steps.some(({ step }) => step === 'known')
  if (!known) throw new Error(`learned, but not known: ${JSON.stringify(steps)}`)
}

const skip = addonMissing ?? false

test('a trace says what becomes of the frame, in every build, and changes nothing', {
  skip,
}, async (t) => {
  let frames = 0
  await fc.assert(
    fc.asyncProperty(script, (each) =>
      play(each, () => {
        frames++
      }),
    ),
    { numRuns, verbose: 1 },
  )
  t.ok(frames > numRuns, `${frames} frames`)
})

test('every step has a vector', { skip }, async (t) => {
  const seen = new Set<string>()
  for (const { vtep: us, steps, frames, now = 10 } of Object.values(groups).flat()) {
    const whole = { steps: [...steps, { now, frames }], ...(us && { vtep: us }) }
    await play(whole, ({ traced }) => {
      for (const { step } of parts(traced).steps) seen.add(step)
    })
  }
  t.same(
    traceSteps.filter((name) => !seen.has(name)),
    [],
  )
})

// ---- on an image

const wasm = readFileSync(new URL('../../../build/vtep-core.wasm', import.meta.url))

/** Undefined: the image has no word for it. */
function origin(frame: RunFrame): { bytes: Uint8Array; from: TraceOrigin } | undefined {
  const { meta, bytes } = frame
  if (meta.flags !== 0 || meta.gsoType !== 0) return undefined
  if (frame.form === 'port') return { bytes, from: { port: frame.port } }
  return frame.form === 'outer' ? { bytes, from: { underlay: true } } : undefined
}

test('an image tells the same steps', { skip }, async (t) => {
  const core = await loadCore(wasm)
  let frames = 0
  const compare = async ({ frame, native, traced }: Moment): Promise<void> => {
    const given = origin(frame)
    const { steps } = parts(traced)
    // What a worker remembers is in no table.
    if (given === undefined || steps.some(({ step }) => step === 'storm')) return
    const tracer: ImageTracer = await core.open(native.image(0))
    // An image ends at the last port that is open.
    const { from, bytes } = given
    if ('port' in from && !tracer.ports.some(({ id }) => id >= from.port)) return
    const names = { port: () => undefined }
    mustEqual(
      'trace of the image',
      JSON.stringify(tracer.trace(bytes, from, { names })),
      JSON.stringify(readTrace(traced, names)),
    )
    frames++
  }
  await fc.assert(
    fc.asyncProperty(script, (each) => play(each, compare)),
    { numRuns, verbose: 1 },
  )
  t.ok(frames > numRuns, `${frames} frames`)
})
