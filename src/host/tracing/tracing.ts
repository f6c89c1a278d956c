// One frame through the packet path's core, without sending it: what POST /v1/trace and `vtep trace` ask for.

import { type Static, type TSchema, Type } from '@sinclair/typebox'
import { hexToBytes, type Ip, type Mac } from '../../net/index.js'
import { encodeTrace, readTrace, type Trace, type TraceOrigin } from '../../trace/index.js'
import { checkValue, type Finding, type Schema, unplaced } from '../config/index.js'
import { integer, keys, text, words } from '../config/schema-parts.js'
import type { PacketPath } from '../packet-path.js'
import type { HeldPort } from '../ports.js'
import { Refusal } from '../refusal.js'
import type { StateSource } from '../state/index.js'
import { carrier } from './carrier.js'
import { describe, FrameDescription, type Surroundings } from './description.js'

/** As octets of JSON allow it, with a 64 KB frame in it. */
const MOST_FRAME_OCTETS = 65_550
const MOST_IMAGE_OCTETS = 64 << 20

export const TraceInput = keys(
  {
    port: Type.Optional(words('Name of the port that the frame comes from.')),
    from: Type.Optional(
      keys(
        {
          vtep: Type.Optional(text('unicastIp', 'The VTEP that sends the frame, in VXLAN.')),
          vni: Type.Optional(integer(0, 0xffffff, 'The VNI that it names.')),
          underlay: Type.Optional(
            Type.Boolean({
              description: 'The octets are a packet of the underlay, from its Ethernet header on.',
            }),
          ),
        },
        'Where else it comes from: from a VTEP, or as it is from the underlay.',
      ),
    ),
    // Checked here, as the sentences depend on which of both it is.
    frame: Type.Optional(
      Type.Unsafe<unknown>({
        oneOf: [
          { type: 'string', description: 'Its octets in hexadecimal.' },
          FrameDescription as TSchema,
        ],
        description: 'The frame: its octets, or what is known of it.',
      }),
    ),
  },
  'A frame and where it comes from.',
)
export type TraceInput = Static<typeof TraceInput>

const Fields = Type.Record(Type.String(), Type.Union([Type.String(), Type.Integer()]))

export const TraceAnswer = Type.Object({
  verdict: Type.Object({
    outcome: Type.String({
      description:
        'port, remote: bridged to one place. flood: copies for many. gateway: routed. answered: by the switch or the router itself. drop: lost.',
    }),
    reason: Type.Union([Type.String(), Type.Null()], {
      description: 'Of a drop or an answer, as in GET /v1/drops.',
    }),
    text: Type.String({ description: 'One sentence.' }),
  }),
  steps: Type.Array(Type.Object({ step: Type.String(), text: Type.String(), fields: Fields }), {
    description: 'What the switch found out, in order.',
  }),
  out: Type.Array(
    Type.Object({
      to: Type.String({ description: 'Name of a port, or address of a VTEP.' }),
      frame: Type.String({ description: 'As it leaves, in hexadecimal.' }),
    }),
  ),
  leftOut: Type.Object({
    copies: Type.Integer({ description: 'Copies and losses that are not listed.' }),
    steps: Type.Integer({ description: 'Steps that are not listed.' }),
  }),
})

/** What a trace looks at. */
interface TraceContext {
  readonly source: StateSource
  readonly path: PacketPath
}

function refused(kind: 'invalid' | 'unknown' | 'failed', ...findings: readonly Finding[]): Refusal {
  return new Refusal(
    kind,
    findings.map((finding) => unplaced(finding)),
  )
}

/** Rejects with Refusal where the input is wrong, or the dataplane is down. */
export function traceFrame(context: TraceContext, input: TraceInput): Trace {
  const origin = originOf(context, input)
  const octets = frameOf(context, input, origin)
  const answer = context.path.trace(encodeTrace(octets, origin.core))
  if (answer === undefined) {
    throw refused('failed', { path: ['dataplane'], expected: 'a running dataplane', got: 'none' })
  }
  const names = {
    port: (id: number) => portById(context, id)?.port.name,
    interface: (ifindex: number) => context.source.interfaceName(ifindex) || undefined,
  }
  const result = readTrace(answer, names)
  const { source, path } = context
  const carried = { octets, port: origin.port?.port.name, trace: result }
  const last = carrier(source.uplink, source.ports, path.table('ports'), carried)
  return { ...result, steps: [...result.steps, last] }
}

/** The tables in one small segment, for traces elsewhere. Rejects with Refusal. */
export async function imageOf(
  { source, path }: TraceContext,
  { network }: { readonly network?: string },
): Promise<Uint8Array> {
  const vni = network === undefined ? undefined : vniOf(source, network)
  const octets = await path.image(vni, MOST_IMAGE_OCTETS).catch((error: Error) => {
    throw refused('failed', {
      path: ['image'],
      expected: `tables of at most ${MOST_IMAGE_OCTETS} octets`,
      got: error.message,
    })
  })
  if (octets === undefined) {
    throw refused('failed', { path: ['dataplane'], expected: 'a running dataplane', got: 'none' })
  }
  return octets
}

function vniOf({ effective }: StateSource, network: string): number {
  const { networks } = effective.config
  const found = networks.find(({ name, vni }) => name === network || String(vni) === network)
  if (found !== undefined) return found.vni
  const expected =
    networks.length === 0
      ? 'a network, but there is none'
      : `one of ${networks.map(({ name }) => name).join(', ')}`
  throw refused('unknown', { path: ['network'], expected, got: JSON.stringify(network) })
}

interface Origin {
  readonly core: TraceOrigin
  /** Undefined: the underlay. */
  readonly port?: HeldPort & { readonly id: number }
  /** Undefined: what the packet says. */
  readonly vni?: number
}

function originOf(context: TraceContext, { port: name, from }: TraceInput): Origin {
  if ((name === undefined) === (from === undefined)) {
    const got = name === undefined ? 'neither' : 'both'
    throw refused('invalid', { path: ['port'], expected: 'either port or from', got })
  }
  if (from !== undefined) return farOrigin(from)
  const { ports } = context.source
  const port = ports.get(name ?? '')
  if (port === undefined) {
    const known = [...ports.keys()]
    const expected = known.length === 0 ? 'a port, but there is none' : `one of ${known.join(', ')}`
    throw refused('unknown', { path: ['port'], expected, got: JSON.stringify(name) })
  }
  const { id } = port
  if (id === undefined) {
    throw refused('failed', { path: ['port'], expected: 'an open port', got: port.reason })
  }
  return { core: { port: id }, port: { ...port, id }, vni: port.port.vni }
}

function farOrigin({ vtep, vni, underlay }: NonNullable<TraceInput['from']>): Origin {
  if (underlay === true) {
    if (vtep === undefined && vni === undefined) return { core: { underlay } }
    throw refused('invalid', {
      path: ['from'],
      expected: 'either underlay or vtep and vni',
      got: 'both',
    })
  }
  const missing = Object.entries({ vtep, vni }).filter(([, value]) => value === undefined)
  if (vtep === undefined || vni === undefined) {
    throw refused(
      'invalid',
      ...missing.map(([key]) => ({
        path: ['from', key],
        expected: key === 'vni' ? 'the VNI of the packet' : 'the address of the VTEP',
        got: 'nothing',
      })),
    )
  }
  return { core: { vtep, vni }, vni }
}

function frameOf(context: TraceContext, { frame }: TraceInput, origin: Origin): Uint8Array {
  if (typeof frame === 'string') return octetsOf(frame)
  if ('underlay' in origin.core) {
    throw refused('invalid', {
      path: ['frame'],
      expected: 'octets in hexadecimal',
      got: 'another thing',
    })
  }
  const schema = FrameDescription as Schema
  const { value, findings } = checkValue<FrameDescription>(schema, frame ?? {}, ['frame'])
  if (findings.length > 0) throw refused('invalid', ...findings)
  return describe(value, surroundings(context, origin))
}

function octetsOf(text: string): Uint8Array {
  const digits = text.replace(/[\s:]/g, '')
  const expected = `octets in hexadecimal, at most ${MOST_FRAME_OCTETS}`
  const wrong = (got: string): Refusal => refused('invalid', { path: ['frame'], expected, got })
  if (digits.length > 2 * MOST_FRAME_OCTETS) throw wrong(`${digits.length / 2} octets`)
  const octets = hexToBytes(digits)
  if (octets === undefined) throw wrong(JSON.stringify(text.slice(0, 40)))
  return octets
}

/** What the tables know of the network that the frame enters. */
function surroundings({ source, path }: TraceContext, { port, vni }: Origin): Surroundings {
  const { evpn, effective } = source
  const network = effective.config.networks.find((one) => one.vni === vni)
  const rows = vni === undefined ? undefined : evpn.image.networks.get(vni)
  const addresses = (mac: Mac): readonly Ip[] => evpn.mac(vni ?? 0, mac)?.ips ?? []
  const learned = function* (): Generator<Mac> {
    for (const mac of evpn.macsOf(vni ?? 0)) if (evpn.portOf(vni ?? 0, mac) === port?.id) yield mac
  }
  const sender = port === undefined ? undefined : (port.port.mac ?? firstOf(learned()))
  const router = path.table('networks').find((one) => one.vni === vni)?.routerMac
  return {
    sender,
    senderIps: port?.port.ip ?? [],
    holder: (ip) => evpn.holderOf(vni ?? 0, ip) ?? rows?.neighbours.get(ip)?.mac,
    addresses,
    routerMac: router,
    gateways: network?.gateway ?? [],
  }
}

const firstOf = <T>(values: Iterable<T>): T | undefined => {
  for (const value of values) return value
  return undefined
}

function portById({ source }: TraceContext, id: number): HeldPort | undefined {
  for (const held of source.ports.values()) if (held.id === id) return held
  return undefined
}
