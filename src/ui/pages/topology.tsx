// This host, its peers, networks and VTEPs, as a live picture.

import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { NetworkView, PeerView, StatusView, VtepView } from '../../host/views/index.js'
import { status, useView } from '../live.js'
import { FilterSelect } from '../parts/filter-select.js'
import { Problem, State } from '../parts/states.js'
import { go, href, setQuery, usePlace } from '../router.js'
import { useSignal } from '../signal.js'
import { addressKey, grouped, plural } from '../text.js'
import {
  type Box,
  type Group,
  type Item,
  type Layout,
  layOut,
  type Placed,
  prefixOf,
  type Shown,
} from '../topology-layout.js'

const zooms = [1, 1.5, 2, 3]

export function Topology() {
  const { query } = usePlace()
  const { q = '', network = '', group, zoom = '1' } = query
  const now = useSignal(status)
  const peers = useView<PeerView>('peers')
  const networks = useView<NetworkView>('networks')
  const vteps = useView<VtepView>('vteps')
  const box = useRef<HTMLElement>(null)
  const width = useWidth(box)
  const shown = useMemo(
    () => select(peers.data ?? [], networks.data ?? [], vteps.data ?? [], { q, network, group }),
    [peers.data, networks.data, vteps.data, q, network, group],
  )
  const layout = useMemo(() => layOut(shown, width), [shown, width])
  const scale = zooms.find((one) => String(one) === zoom) ?? 1
  const step = (by: number): void => {
    const next = zooms[zooms.indexOf(scale) + by]
    if (next !== undefined) setQuery({ zoom: next === 1 ? undefined : String(next) })
  }
  const unresolved = vteps.data?.filter(({ resolved }) => !resolved).length ?? 0
  return (
    <>
      <h1>Topology</h1>
      <Problem error={peers.error ?? networks.error ?? vteps.error} />
      <div class="tools">
        <label class="search">
          <span class="hidden">Search peers, networks and VTEPs</span>
          <input
            type="search"
            data-search
            placeholder="Search  /"
            value={q}
            onInput={(event) => setQuery({ q: event.currentTarget.value, group: undefined })}
          />
        </label>
        <FilterSelect
          name="network"
          title="Network"
          values={networks.data?.map(({ name }) => name) ?? []}
        />
        {group === undefined ? null : (
          <button type="button" onClick={() => setQuery({ group: undefined })}>
            {group} ✕
          </button>
        )}
        <span class="zoom">
          <button
            type="button"
            aria-label="Smaller"
            disabled={scale === zooms[0]}
            onClick={() => step(-1)}
          >
            −
          </button>
          <button
            type="button"
            aria-label="Larger"
            disabled={scale === zooms.at(-1)}
            onClick={() => step(1)}
          >
            +
          </button>
        </span>
        <output class="amount">
          {plural(vteps.data?.length ?? 0, 'VTEP')}
          {unresolved > 0 ? `, ${grouped(unresolved)} unresolved` : ''}
        </output>
      </div>
      <section class="topology" ref={box} tabIndex={0} aria-label="Picture of the topology">
        {width === 0 ? null : <Picture layout={layout} shown={shown} scale={scale} now={now} />}
      </section>
      <p class="legend">
        <State tone="good">up, resolved</State> <State tone="warn">partly, or on its way</State>{' '}
        <State tone="bad">down, unresolved</State>
        <span>dashed: BGP, solid: VXLAN</span>
      </p>
    </>
  )
}

function useWidth(box: { readonly current: HTMLElement | null }): number {
  const [width, setWidth] = useState(0)
  useLayoutEffect(() => {
    const { current } = box
    if (current === null) return
    const look = (): void => setWidth(current.clientWidth)
    look()
    const observer = new ResizeObserver(look)
    observer.observe(current)
    return () => observer.disconnect()
  }, [box])
  return width
}

interface Choice {
  readonly q: string
  readonly network: string
  readonly group: string | undefined
}

function select(
  peers: readonly PeerView[],
  networks: readonly NetworkView[],
  vteps: readonly VtepView[],
  { q, network, group }: Choice,
): Shown {
  const word = q.trim().toLowerCase()
  const fits = ({ title, note, key }: Item): boolean =>
    word === '' || `${title} ${note} ${key}`.toLowerCase().includes(word)
  const some = networks.filter(({ name }) => network === '' || name === network)
  const vnis = new Set(some.map(({ vni }) => vni))
  const inNetwork = (vtep: VtepView): boolean =>
    network === '' || vtep.vnis.some((vni) => vnis.has(vni))
  const inGroup = group === undefined ? undefined : inPrefix(group)
  const found: Shown = {
    peers: sorted(
      peers.map(({ peer, asn, state }) => ({
        key: peer,
        title: peer,
        note: `AS ${asn} · ${state}`,
        tone: state === 'Established' ? 'good' : 'warn',
      })),
    ),
    networks: some.map(({ name, vni, macs }) => ({
      key: name,
      title: name,
      note: `VNI ${vni} · ${grouped(macs.local)} + ${grouped(macs.remote)} MACs`,
      tone: 'good' as const,
    })),
    vteps: sorted(
      vteps
        .filter((vtep) => inNetwork(vtep) && (inGroup === undefined || inGroup(vtep.dst)))
        .map(({ dst, macs, resolved, vnis: own }) => ({
          key: dst,
          title: dst,
          note: resolved
            ? `${plural(own.length, 'network')} · ${plural(macs, 'MAC')}`
            : 'unresolved',
          tone: resolved ? 'good' : 'bad',
        })),
    ),
  }
  const matching = {
    peers: found.peers.filter(fits),
    networks: found.networks.filter(fits),
    vteps: found.vteps.filter(fits),
  }
  // A word that is about VTEPs leaves the networks, and the other way round.
  return {
    peers: matching.peers.length > 0 ? matching.peers : found.peers,
    networks: matching.networks.length > 0 ? matching.networks : found.networks,
    vteps:
      matching.vteps.length > 0 || matching.peers.length + matching.networks.length === 0
        ? matching.vteps
        : found.vteps,
  }
}

/** Whether an address is in a prefix as topology-layout.ts writes it: whole octets or words. */
function inPrefix(prefix: string): (address: string) => boolean {
  const [, length = ''] = prefix.split('/')
  const bits = Number(length)
  return (address) => prefixOf(address, bits / 8, bits / 16) === prefix
}

const sorted = (items: readonly Item[]): readonly Item[] =>
  items.toSorted((a, b) => (addressKey(a.key) < addressKey(b.key) ? -1 : 1))

interface PictureProps {
  readonly layout: Layout
  readonly shown: Shown
  readonly scale: number
  readonly now: StatusView | undefined
}

function Picture({ layout, shown, scale, now }: PictureProps) {
  const { width, height, host, peers, networks, vteps, groups, left } = layout
  const stackedUp = (networks[0]?.box.y ?? 0) > host.y + host.height
  return (
    <svg
      width={width * scale}
      height={height * scale}
      viewBox={`0 0 ${width} ${height}`}
      aria-label="This host and what it is connected to"
      role="group"
    >
      <g class="edges">
        {peers.map(({ key, box, tone }) => (
          <path key={key} class={`bgp ${tone}`} d={vertical(box, host)} />
        ))}
        {networks.map(({ key, box }) => (
          <path key={key} class="own" d={stackedUp ? vertical(host, box) : horizontal(box, host)} />
        ))}
        {[...vteps, ...groups].map(({ key, box, tone }) => (
          <path
            key={key}
            class={`vxlan ${tone}`}
            d={stackedUp ? vertical(host, box) : horizontal(host, box)}
          />
        ))}
      </g>
      <Heading x={10} y={20} text={`BGP peers${more(left.peers)}`} />
      {networks[0] === undefined ? null : (
        <Heading x={10} y={networks[0].box.y - 12} text={`Networks${more(left.networks)}`} />
      )}
      {vteps[0] === undefined && groups[0] === undefined ? null : (
        <Heading
          x={(vteps[0] ?? groups[0])!.box.x}
          y={(vteps[0] ?? groups[0])!.box.y - 12}
          text={`VTEPs${groups.length > 0 ? `, ${shown.vteps.length} by prefix${more(left.groups)}` : ''}`}
        />
      )}
      {peers.map((peer) => (
        <Card key={peer.key} of={peer} to={href('/peers', { open: peer.key })} />
      ))}
      {networks.map((one) => (
        <Card key={one.key} of={one} to={href('/networks', { open: one.key })} />
      ))}
      {vteps.map((one) => (
        <Card key={one.key} of={one} to={href('/vteps', { open: one.key })} />
      ))}
      {groups.map((one) => (
        <Tiles key={one.key} of={one} />
      ))}
      <g class="card host" transform={`translate(${host.x} ${host.y})`}>
        <rect width={host.width} height={host.height} rx="8" />
        <text x={host.width / 2} y={26} text-anchor="middle" class="title">
          {now?.vtep ?? 'this host'}
        </text>
        <text x={host.width / 2} y={46} text-anchor="middle" class="note">
          this host · AS {now?.asn ?? ''}
        </text>
        <text x={host.width / 2} y={66} text-anchor="middle" class="note">
          {now === undefined
            ? ''
            : `uplink ${now.uplink === '' ? 'none' : now.uplink} · ${plural(now.macs.local, 'local MAC')}`}
        </text>
      </g>
    </svg>
  )
}

const more = (count: number): string => (count > 0 ? ` (${grouped(count)} more: search)` : '')

function Heading({
  x,
  y,
  text,
}: {
  readonly x: number
  readonly y: number
  readonly text: string
}) {
  return (
    <text x={x} y={y} class="heading">
      {text}
    </text>
  )
}

const CHARACTER = 7.3

/** So many characters of a text as fit; the whole is in the link's name. */
function fit(text: string, width: number): string {
  const room = Math.floor(width / CHARACTER)
  return text.length <= room ? text : `${text.slice(0, Math.max(1, room - 1))}…`
}

const signs = { good: '✔', warn: '!', bad: '✘' } as const

function Card({ of, to }: { readonly of: Placed; readonly to: string }) {
  const { title, note, tone, box } = of
  return (
    <a href={to} class={`card ${tone}`}>
      <g transform={`translate(${box.x} ${box.y})`}>
        <title>{`${title}, ${note}`}</title>
        <rect width={box.width} height={box.height} rx="6" />
        <text x={10} y={17} class="title">
          {fit(title, box.width - 34)}
        </text>
        <text x={10} y={32} class="note">
          {fit(note, (box.width - 16) * 1.12)}
        </text>
        <text x={box.width - 18} y={17} class="sign" aria-hidden="true">
          {signs[tone]}
        </text>
      </g>
    </a>
  )
}

/** Many VTEPs as tiles: the group opens with a click, and so does each. One that is not well has another shape, too. */
function Tiles({ of }: { readonly of: Group }) {
  const { key, title, note, tone, box, tiles } = of
  const [hovered, setHovered] = useState<Item>()
  return (
    <g class={`group ${tone}`}>
      <a href={href('/topology', { group: key })}>
        <rect x={box.x} y={box.y} width={box.width} height={box.height} rx="6" />
        <text x={box.x + 10} y={box.y + 19} class="title">
          {fit(
            `${title} · ${hovered === undefined ? note : `${hovered.title}: ${hovered.note}`}`,
            box.width - 20,
          )}
        </text>
      </a>
      {/* A picture of what the page of VTEPs lists: no stop for the keyboard at each of hundreds. */}
      <g
        aria-hidden="true"
        onMouseLeave={() => setHovered(undefined)}
        onMouseOver={(event) => setHovered(itemAt(of, event.target))}
        onClick={(event) => {
          const item = itemAt(of, event.target)
          if (item !== undefined) go('/vteps', { open: item.key })
        }}
      >
        {tiles.map(({ item, x, y, width }, i) =>
          item.tone === 'good' ? (
            <rect
              key={item.key}
              data-tile={i}
              class="tile"
              x={x}
              y={y}
              width={width}
              height={width}
              rx="2"
            />
          ) : (
            <path
              key={item.key}
              data-tile={i}
              class="tile bad"
              d={`M${x + width / 2} ${y - 1}L${x + width + 1} ${y + width / 2}L${x + width / 2} ${y + width + 1}L${x - 1} ${y + width / 2}Z`}
            />
          ),
        )}
      </g>
    </g>
  )
}

function itemAt({ tiles }: Group, target: EventTarget | null): Item | undefined {
  const index = (target as SVGElement | null)?.dataset?.['tile']
  return index === undefined ? undefined : tiles[Number(index)]?.item
}

/** From the right side of one to the left side of the other. */
function horizontal(from: Box, to: Box): string {
  const x1 = from.x + from.width
  const y1 = from.y + from.height / 2
  const x2 = to.x
  const y2 = to.y + to.height / 2
  const middle = (x1 + x2) / 2
  return `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`
}

/** From the bottom of one to the top of the other. */
function vertical(from: Box, to: Box): string {
  const x1 = from.x + from.width / 2
  const y1 = from.y + from.height
  const x2 = to.x + to.width / 2
  const y2 = to.y
  const middle = (y1 + y2) / 2
  return `M${x1} ${y1}C${x1} ${middle} ${x2} ${middle} ${x2} ${y2}`
}
