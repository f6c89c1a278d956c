// How the control plane grows: tables of 100 000 and a million routes, many clients of a reflector, churn, a fabric of a
// thousand VTEPs; beside FRR and GoBGP, with the same load. What is measured is what a next speaker was told, or what
// the forwarding table has, not what a daemon says of itself; but for the RIB, where nobody else can know.

import { inBed, type Measured } from './bed.js'
import { measureChurn } from './churn.js'
import { measureFabric } from './fabric.js'
import { latest, secondsSince } from './load.js'
import { type Kind, kinds, type Role, receivedAll } from './speakers.js'

export interface ScaleRow {
  readonly figure: string
  readonly speaker: string
  readonly unit: string
  readonly values: readonly number[]
}

export interface ScaleOptions {
  readonly trials: number
  /** Smaller tables, for a look. */
  readonly quick: boolean
}

const seconds = (value: number) => ({ unit: 's', value })

const count = (n: number): string => (n >= 1e6 ? `${n / 1e6} M` : `${n / 1e3} k`)

/** A route from one client of a reflector to the next. */
async function reflected(kind: Kind, routes: number): Promise<Measured> {
  const patience = 30 + routes / 500
  return inBed(kind, 'reflector', { sessions: 2, macs: routes }, async ({ load }) => {
    const told = load.knows(1, routes, patience)
    const start = load.tell(`announce 0 0 ${routes}`)
    const through = secondsSince(start, await told)
    const untold = load.knows(1, 0, patience)
    const left = load.tell('drop 0')
    const gone = secondsSince(left, await untold)
    return {
      [`${count(routes)} through a reflector to the next`]: seconds(through),
      [`${count(routes)} withdrawn with the session, at the next`]: seconds(gone),
    }
  })
}

/** Into the RIB, with nobody to be told. */
async function intoRib(kind: Kind, routes: number): Promise<Measured> {
  return inBed(kind, 'reflector', { sessions: 1, macs: routes }, async ({ speaker, load }) => {
    const before = speaker.memory()
    const start = load.tell(`announce 0 0 ${routes}`)
    const took = secondsSince(start, await receivedAll(speaker, routes, 30 + routes / 500))
    return {
      [`${count(routes)} into the RIB`]: seconds(took),
      [`memory of it, ${count(routes)}`]: { unit: 'MB', value: speaker.memory() - before },
    }
  })
}

/** Into the forwarding tables, and out of them. */
async function intoTables(kind: Kind, macs: number, vtepMacs: number): Promise<Measured> {
  return inBed(kind, 'leaf', { sessions: 2, macs: macs + vtepMacs }, async ({ speaker, load }) => {
    const full = await speaker.forwards(macs, 30 + macs / 2000)
    const start = load.tell(`announce 0 0 ${macs}`)
    const into = secondsSince(start, await full.reached)
    const memory = speaker.memory()
    const fuller = await speaker.forwards(macs + vtepMacs, 60)
    load.tell(`announce 1 ${macs} ${vtepMacs}`)
    await fuller.reached
    const without = await speaker.forwards(macs, 60)
    const left = load.tell('drop 1')
    const out = secondsSince(left, await without.reached)
    return {
      [`${count(macs)} into the forwarding tables`]: seconds(into),
      [`${count(macs)}: memory of the controller`]: { unit: 'MB', value: memory },
      [`a VTEP with ${count(vtepMacs)} leaves the tables of ${count(macs)}`]: seconds(out),
    }
  })
}

/** One table to many clients. */
async function fanOut(kind: Kind, routes: number, clients: number): Promise<Measured> {
  const shape = { sessions: clients + 1, macs: routes }
  return inBed(kind, 'reflector', shape, async ({ load }) => {
    const told = Promise.all(
      Array.from({ length: clients }, (_, i) => load.knows(i + 1, routes, 300)),
    )
    const start = load.tell(`announce 0 0 ${routes}`)
    const all = latest(await told)
    return { [`${count(routes)} to ${clients} clients`]: seconds(secondsSince(start, all)) }
  })
}

interface Probe {
  readonly name: string
  readonly role: Role
  readonly routes: number
  readonly trials: number
  /** Kinds that take part; all that can if left out. */
  readonly only?: readonly string[]
  readonly run: (kind: Kind, routes: number) => Promise<Measured>
}

function probes({ trials, quick }: ScaleOptions): readonly Probe[] {
  const large = quick ? 20_000 : 100_000
  const largest = quick ? 100_000 : 1_000_000
  const small = quick ? 2000 : 10_000
  const fan = (kind: Kind, routes: number): Promise<Measured> =>
    fanOut(kind, routes, quick ? 10 : 50)
  const tables = (kind: Kind, routes: number): Promise<Measured> => intoTables(kind, routes, 10_000)
  return [
    { name: 'rib', role: 'reflector', routes: small, trials, run: intoRib },
    { name: 'rib', role: 'reflector', routes: large, trials, run: intoRib },
    { name: 'through', role: 'reflector', routes: small, trials, run: reflected },
    { name: 'through', role: 'reflector', routes: large, trials, run: reflected },
    { name: 'tables', role: 'leaf', routes: large, trials, run: tables },
    { name: 'fan', role: 'reflector', routes: large, trials, run: fan },
    { name: 'million', role: 'leaf', routes: largest, trials: 1, only: ['vtep'], run: tables },
    {
      name: 'churn',
      role: 'leaf',
      routes: large,
      trials: 1,
      only: ['vtep'],
      run: measureChurn(quick),
    },
    {
      name: 'fabric',
      role: 'reflector',
      routes: 100,
      trials: 1,
      only: ['vtep'],
      run: measureFabric(quick),
    },
  ]
}

export const probeNames = ['rib', 'through', 'tables', 'fan', 'million', 'churn', 'fabric'] as const

export async function measureScale(
  options: ScaleOptions,
  wanted: readonly string[] = [],
): Promise<ScaleRow[]> {
  const rows = new Map<string, ScaleRow & { values: number[] }>()
  for (const probe of probes(options)) {
    if (wanted.length > 0 && !wanted.includes(probe.name)) continue
    for (let trial = 1; trial <= probe.trials; trial++) {
      for (const kind of kinds) {
        if (kind.missing() || !kind.roles.includes(probe.role) || probe.routes > kind.most) continue
        if (probe.only?.includes(kind.name) === false) continue
        process.stderr.write(`scale: ${probe.name}, ${count(probe.routes)}: ${kind.name}\n`)
        const measured = await probe.run(kind, probe.routes)
        for (const [figure, { unit, value }] of Object.entries(measured)) {
          process.stderr.write(`scale:   ${figure}: ${value.toPrecision(3)} ${unit}\n`)
          const key = `${figure} ${kind.name}`
          const row = rows.get(key) ?? { figure, speaker: kind.name, unit, values: [] }
          row.values.push(value)
          rows.set(key, row)
        }
      }
    }
  }
  return [...rows.values()]
}
