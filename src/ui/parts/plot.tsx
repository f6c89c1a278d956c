// Lines over time (uPlot). Series differ by colour and by dash, and the colours are those of Okabe and Ito, which people with any
// colour vision tell apart.

import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import { useSignal } from '../signal.js'
import { clock, short } from '../text.js'
import { colours } from '../theme.js'

export interface Line {
  readonly label: string
  /** Undefined where nothing is known. */
  readonly values: readonly (number | undefined)[]
}

export interface PlotProps {
  readonly title: string
  /** Of the values, such as bit/s. */
  readonly unit: string
  /** Seconds since 1970, rising. */
  readonly times: readonly number[]
  readonly lines: readonly Line[]
}

const HEIGHT = 220
const dashes: readonly (readonly number[])[] = [[], [8, 4], [2, 3], [10, 3, 2, 3]]
const hues = 7

export function Plot({ title, unit, times, lines }: PlotProps) {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | undefined>(undefined)
  const look = useSignal(colours)
  const labels = lines.map(({ label }) => label).join('\n')
  // Made anew when lines or colours change; else it only gets new values.
  useEffect(() => {
    const { current: parent } = box
    if (parent === null) return
    const made = new uPlot(optionsOf(labels.split('\n'), unit, parent), [[]], parent)
    plot.current = made
    const observer = new ResizeObserver(() =>
      made.setSize({ width: parent.clientWidth, height: HEIGHT }),
    )
    observer.observe(parent)
    return () => {
      observer.disconnect()
      made.destroy()
      plot.current = undefined
    }
  }, [labels, unit, look])
  useEffect(() => {
    const values = lines.map((line) => line.values.map((value) => value ?? null))
    const { current } = plot
    if (current === undefined) return
    current.setData([[...times], ...values])
    // Where nobody points, the legend says what is now.
    const pointed = current.cursor.idx ?? undefined
    if (pointed === undefined && times.length > 0) current.setLegend({ idx: times.length - 1 })
  }, [times, lines, labels, look])
  return (
    <figure class="plot">
      <figcaption>
        {title} <small>{unit}</small>
      </figcaption>
      <div ref={box} class="canvas" role="img" aria-label={`${title}: ${summary(lines, unit)}`} />
    </figure>
  )
}

/** The newest values, for those who do not see the lines. */
const summary = (lines: readonly Line[], unit: string): string =>
  lines.map(({ label, values }) => `${label} ${short(values.at(-1) ?? 0)} ${unit}`).join(', ')

export const colour = (index: number): string =>
  getComputedStyle(document.documentElement)
    .getPropertyValue(`--line-${(index % hues) + 1}`)
    .trim()

function optionsOf(labels: readonly string[], unit: string, parent: HTMLElement): uPlot.Options {
  const style = getComputedStyle(document.documentElement)
  const stroke = style.getPropertyValue('--muted').trim()
  const grid = { stroke: style.getPropertyValue('--rule').trim(), width: 1 }
  const axis = { stroke, grid, ticks: grid, font: '12px system-ui, sans-serif' }
  return {
    width: parent.clientWidth,
    height: HEIGHT,
    cursor: { points: { size: 6 } },
    scales: { y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] } },
    axes: [
      {
        ...axis,
        space: 90,
        size: 32,
        values: (_, splits) => splits.map((second) => clock(second * 1000)),
      },
      { ...axis, size: 64, values: (_, splits) => splits.map(short) },
    ],
    series: [
      {
        label: 'time',
        value: (_: uPlot, second: number | null) => (second === null ? '–' : clock(second * 1000)),
      },
      ...labels.map((label, i) => ({
        label,
        stroke: colour(i),
        width: 2,
        dash: [...(dashes[Math.floor(i / 2) % dashes.length] ?? [])],
        points: { show: false },
        value: (_: uPlot, value: number | null) =>
          value === null ? '–' : `${short(value)} ${unit}`,
      })),
    ],
  }
}
