// Bar charts as SVG: medians as bars, ranges as lines over them. Readable on a light and on a dark page.

import { median, short } from './result.js'

export interface Bar {
  readonly label: string
  readonly values: readonly number[]
  /** Decides the colour. */
  readonly kind: 'limit' | 'rival' | 'ours'
}

export interface Panel {
  readonly title: string
  readonly unit: string
  readonly bars: readonly Bar[]
}

const colour = { limit: '#a9b4c0', rival: '#5b7fa6', ours: '#d9742b' } as const
const words = { limit: 'no overlay', rival: 'rival', ours: 'vtep' } as const

const size = {
  width: 760,
  label: 190,
  value: 150,
  bar: 15,
  gap: 6,
  head: 34,
  foot: 14,
  top: 58,
} as const

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

/** At or above the largest value, and its quarters are round numbers. */
export function scaleEnd(largest: number): number {
  if (!(largest > 0)) return 1
  const power = 10 ** Math.floor(Math.log10(largest))
  return [1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10]
    .map((step) => step * power)
    .find((end) => end >= largest * 0.999)!
}

const height = ({ bars }: Panel): number =>
  size.head + bars.length * (size.bar + size.gap) + size.foot

function drawPanel(panel: Panel, y: number): string[] {
  const room = size.width - size.label - size.value
  // A range may be wild; the scale follows the medians, and a line that leaves it is cut.
  const end = scaleEnd(Math.max(...panel.bars.map(({ values }) => median(values))) * 1.05)
  const x = (value: number): number => size.label + (Math.min(value, end) / end) * room
  const at = (value: number): string => x(value).toFixed(1)
  const bottom = y + height(panel) - size.foot
  const lines = [
    `<text x="16" y="${y + 18}" class="title">${escaped(panel.title)}, ${escaped(panel.unit)}</text>`,
  ]
  for (const part of [0, 0.25, 0.5, 0.75, 1]) {
    const tick = at(end * part)
    lines.push(
      `<line x1="${tick}" x2="${tick}" y1="${y + size.head - 4}" y2="${bottom}" class="grid"/>`,
      `<text x="${tick}" y="${y + size.head - 7}" class="tick">${short(end * part)}</text>`,
    )
  }
  panel.bars.forEach((bar, index) => {
    const top = y + size.head + index * (size.bar + size.gap)
    const middle = top + size.bar / 2
    const [low, mid, high] = [Math.min(...bar.values), median(bar.values), Math.max(...bar.values)]
    lines.push(
      `<text x="${size.label - 8}" y="${middle + 4}" class="label">${escaped(bar.label)}</text>`,
      `<rect x="${size.label}" y="${top}" width="${Math.max(x(mid) - size.label, 1).toFixed(1)}" height="${size.bar}" rx="2" fill="${colour[bar.kind]}"/>`,
      `<line x1="${at(low)}" x2="${at(high)}" y1="${middle}" y2="${middle}" class="range"/>`,
      `<text x="${(Math.max(x(mid), x(high)) + 8).toFixed(1)}" y="${middle + 4}" class="value">${short(mid)}</text>`,
    )
  })
  return lines
}

const style = `
text { font: 12px system-ui, sans-serif; fill: #24303c }
.title { font-weight: 600; font-size: 13px }
.label { text-anchor: end }
.tick { text-anchor: middle; font-size: 10px; fill: #6b7885 }
.grid { stroke: #dde3e9 }
.range { stroke: #24303c; stroke-width: 1.5 }
.value { font-size: 11px }
`.trim()

/** An SVG document with the panels one below the other; `note` stands in its foot. */
export function chart(title: string, panels: readonly Panel[], note: string): string {
  const total = size.top + panels.reduce((sum, panel) => sum + height(panel), 0) + 26
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${total}" width="${size.width}" height="${total}" role="img" aria-label="${escaped(title)}">`,
    `<style>${style}</style>`,
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    `<text x="16" y="24" style="font-size:15px;font-weight:600">${escaped(title)}</text>`,
  ]
  let left = 16
  for (const kind of ['ours', 'rival', 'limit'] as const) {
    if (!panels.some(({ bars }) => bars.some((bar) => bar.kind === kind))) continue
    lines.push(
      `<rect x="${left}" y="35" width="11" height="11" rx="2" fill="${colour[kind]}"/>`,
      `<text x="${left + 16}" y="45" class="value">${words[kind]}</text>`,
    )
    left += 34 + words[kind].length * 7
  }
  let y: number = size.top
  for (const panel of panels) {
    lines.push(...drawPanel(panel, y))
    y += height(panel)
  }
  lines.push(
    `<text x="16" y="${y + 12}" class="tick" style="text-anchor:start">${escaped(note)}</text>`,
    '</svg>',
  )
  return `${lines.join('\n')}\n`
}
