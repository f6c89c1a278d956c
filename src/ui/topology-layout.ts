// Where things stand in the picture of the topology. Pure, so it can be tested: nothing overlaps, at 4 VTEPs and at 400.
//
//        peers            one row of boxes, or a count of those that are alike
//          │
//   networks ─ this host ─ VTEPs     boxes with words while they are few; else groups of small tiles, by prefix

export interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

export interface Item {
  readonly key: string
  readonly title: string
  readonly note: string
  readonly tone: 'good' | 'warn' | 'bad'
}

export interface Placed extends Item {
  readonly box: Box
}

export interface Tile extends Box {
  readonly item: Item
}

export interface Group {
  readonly key: string
  readonly title: string
  readonly note: string
  readonly tone: 'good' | 'warn' | 'bad'
  readonly box: Box
  readonly tiles: readonly Tile[]
}

export interface Layout {
  readonly width: number
  readonly height: number
  readonly host: Box
  readonly peers: readonly Placed[]
  readonly networks: readonly Placed[]
  /** Either these or `groups`. */
  readonly vteps: readonly Placed[]
  readonly groups: readonly Group[]
  /** So many are left out of each column, for the search to find. */
  readonly left: { readonly peers: number; readonly networks: number; readonly groups: number }
}

export interface Shown {
  readonly peers: readonly Item[]
  readonly networks: readonly Item[]
  readonly vteps: readonly Item[]
}

/** More VTEPs than this become groups of tiles. */
export const FEW_VTEPS = 24
const MOST_ROWS = 24
const MOST_GROUPS = 24

const gap = 10
const boxHeight = 40
const hostSize = { width: 190, height: 84 }
const tile = 14
const tileGap = 4

/** Places everything in `width` pixels, at least 320. Narrow screens get one column. */
export function layOut(shown: Shown, wide: number): Layout {
  const width = Math.max(320, wide)
  return width < 760 ? stacked(shown, width) : sideBySide(shown, width)
}

/** Boxes in rows that fill `area.width`; the answer's last y is where the next thing may stand. */
function flow(
  items: readonly Item[],
  area: { readonly x: number; readonly y: number; readonly width: number },
  least: number,
): { readonly placed: readonly Placed[]; readonly bottom: number } {
  const perRow = Math.max(1, Math.min(items.length, Math.floor((area.width + gap) / (least + gap))))
  const width = Math.min(260, (area.width - gap * (perRow - 1)) / perRow)
  const rows = Math.ceil(items.length / perRow)
  const placed = items.map((item, i) => ({
    ...item,
    box: {
      x: area.x + (i % perRow) * (width + gap),
      y: area.y + Math.floor(i / perRow) * (boxHeight + gap),
      width,
      height: boxHeight,
    },
  }))
  return { placed, bottom: area.y + Math.max(0, rows * (boxHeight + gap) - gap) }
}

function sideBySide(shown: Shown, width: number): Layout {
  const peers = flow(cut(shown.peers), { x: gap, y: 30, width: width - 2 * gap }, 170)
  const top = peers.bottom + 64
  const side = Math.min(300, width * 0.24)
  const networks = flow(cut(shown.networks), { x: gap, y: top, width: side }, side)
  const middle = gap + side + 70
  const right = middle + hostSize.width + 70
  const far = farSide(shown.vteps, { x: right, y: top, width: width - right - gap })
  const bottom = Math.max(networks.bottom, far.bottom, top + hostSize.height)
  return {
    width,
    height: bottom + 34,
    host: { x: middle, y: Math.min((top + bottom - hostSize.height) / 2, top + 180), ...hostSize },
    peers: peers.placed,
    networks: networks.placed,
    vteps: far.vteps,
    groups: far.groups,
    left: leftOut(shown, far.groupCount),
  }
}

function stacked(shown: Shown, width: number): Layout {
  const inner = width - 2 * gap
  const peers = flow(cut(shown.peers), { x: gap, y: 30, width: inner }, 145)
  const hostTop = peers.bottom + 50
  const host = { x: (width - hostSize.width) / 2, y: hostTop, ...hostSize }
  const networks = flow(
    cut(shown.networks),
    { x: gap, y: hostTop + hostSize.height + 60, width: inner },
    145,
  )
  const far = farSide(shown.vteps, { x: gap, y: networks.bottom + 60, width: inner })
  return {
    width,
    height: far.bottom + 34,
    host,
    peers: peers.placed,
    networks: networks.placed,
    vteps: far.vteps,
    groups: far.groups,
    left: leftOut(shown, far.groupCount),
  }
}

const cut = (items: readonly Item[]): readonly Item[] => items.slice(0, MOST_ROWS)

const leftOut = ({ peers, networks }: Shown, groups: number): Layout['left'] => ({
  peers: Math.max(0, peers.length - MOST_ROWS),
  networks: Math.max(0, networks.length - MOST_ROWS),
  groups: Math.max(0, groups - MOST_GROUPS),
})

interface FarSide {
  readonly vteps: readonly Placed[]
  readonly groups: readonly Group[]
  readonly groupCount: number
  readonly bottom: number
}

function farSide(
  vteps: readonly Item[],
  area: { readonly x: number; readonly y: number; readonly width: number },
): FarSide {
  if (vteps.length <= FEW_VTEPS) {
    // One below the other while that fits a screen: no line then passes behind a box.
    const { placed, bottom } = flow(vteps, area, vteps.length <= 8 ? area.width : 165)
    return { vteps: placed, groups: [], groupCount: 0, bottom }
  }
  const all = grouped(vteps)
  let y = area.y
  const groups = all.slice(0, MOST_GROUPS).map(([prefix, members]): Group => {
    const perRow = Math.max(1, Math.floor((area.width - 2 * gap + tileGap) / (tile + tileGap)))
    const rows = Math.ceil(members.length / perRow)
    const height = 30 + rows * (tile + tileGap) - tileGap + gap
    const box = { x: area.x, y, width: area.width, height }
    const tiles = members.map((item, i) => ({
      item,
      x: box.x + gap + (i % perRow) * (tile + tileGap),
      y: box.y + 30 + Math.floor(i / perRow) * (tile + tileGap),
      width: tile,
      height: tile,
    }))
    y += height + gap
    const bad = members.filter(({ tone }) => tone !== 'good').length
    return {
      key: prefix,
      title: prefix,
      note: `${members.length} VTEPs${bad > 0 ? `, ${bad} unresolved` : ''}`,
      tone: bad === 0 ? 'good' : bad === members.length ? 'bad' : 'warn',
      box,
      tiles,
    }
  })
  return { vteps: [], groups, groupCount: all.length, bottom: y - gap }
}

/** By /24 and /64; where those are too many, by /16 and /48. The largest first. */
function grouped(vteps: readonly Item[]): [string, Item[]][] {
  const by = (octets: number, words: number): Map<string, Item[]> => {
    const groups = new Map<string, Item[]>()
    for (const item of vteps) {
      const prefix = prefixOf(item.key, octets, words)
      const group = groups.get(prefix)
      if (group === undefined) groups.set(prefix, [item])
      else group.push(item)
    }
    return groups
  }
  const fine = by(3, 4)
  const groups = fine.size <= MOST_GROUPS ? fine : by(2, 3)
  return [...groups].sort(([, a], [, b]) => b.length - a.length)
}

/** The first octets of an IPv4 address, or words of an IPv6 address, as a prefix. */
export function prefixOf(address: string, octets: number, words: number): string {
  if (!address.includes(':')) {
    const parts = address.split('.').slice(0, octets)
    return `${[...parts, ...Array<string>(4 - octets).fill('0')].join('.')}/${octets * 8}`
  }
  const [head = '', tail] = address.split('::', 2)
  const front = head === '' ? [] : head.split(':')
  const back = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : 8 - front.length - back.length
  const all = [...front, ...Array<string>(Math.max(0, zeros)).fill('0'), ...back]
  const kept = all
    .slice(0, words)
    .join(':')
    .replace(/(?::0)+$/, '')
  return `${kept}::/${words * 16}`
}
