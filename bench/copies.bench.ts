// The system calls of the worker's path with super-frames of 64 KB, beside what could take their place: io_uring, and sends that do
// not copy. All on one CPU (tools/copies.c), so the time is all that it costs. Needs root; namespaces of its own.

import { buildTools, tool } from './meter.js'
import { emit, type Figure } from './result.js'

interface Method {
  readonly name: string
  /** Nanoseconds per super-frame, one value per trial. */
  readonly ns: readonly number[]
  /** Of sends that should not copy: per cent that the kernel copied nevertheless. */
  readonly copied?: readonly number[]
}

interface Work {
  readonly what: string
  /** Super-frames, or calls, at once. */
  readonly batch: number
  /** The first is what the worker does. */
  readonly methods: readonly Method[]
}

interface Copies {
  readonly works: readonly Work[]
  /** What this kernel has refused. */
  readonly remarks: readonly string[]
}

/** Trial by trial, as the methods take turns within one. */
function figures({ what, batch, methods: [plain, ...others] }: Work): Figure[] {
  if (plain === undefined) throw new Error(`${what}: expected a method, got none`)
  const work = `${what}, ${batch} at once`
  const found: Figure[] = [{ what: `${work}, ${plain.name}`, unit: 'ns', values: plain.ns }]
  for (const { name, ns, copied } of others) {
    const ratios = ns.map((value, trial) => value / plain.ns[trial]!)
    found.push({ what: `${work}, ${name} to ${plain.name}`, unit: '×', values: ratios })
    if (copied !== undefined)
      found.push({ what: `${work}, ${name}, copied after all`, unit: '%', values: copied })
  }
  return found
}

await buildTools()
const { works, remarks } = await tool<Copies>('copies')
for (const remark of remarks) process.stderr.write(`copies: ${remark}\n`)
emit('copies', works.flatMap(figures))
