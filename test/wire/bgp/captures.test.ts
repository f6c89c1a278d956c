// Recorded sessions of FRR, GoBGP, os-ken and ExaBGP: every message decodes to what tshark says and encodes to
// the octets it came in.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import {
  decodeMessage,
  type EvpnRoute,
  encodeMessage,
  Framer,
  initialContext,
  type Message,
  type Update,
} from '../../../src/wire/bgp/index.js'
import { comparedFields, type Fields, fieldsOf, fieldsOfTshark } from './support/as-tshark.js'
import { readStreams, type Stream } from './support/pcap.js'
import { readJson, root } from './support/root.js'

const folder = join(root, '..', 'shared', 'vectors')
const captures = existsSync(folder)
  ? readdirSync(folder).flatMap((file) => (file.endsWith('.pcap') ? [file.slice(0, -5)] : []))
  : []

interface TsharkFrame {
  readonly src: string
  readonly dst: string
  readonly bgp: unknown
}

/**
 * What is really wrong in a recording. ExaBGP 4.2 writes a MAC-only route one octet shorter than it says, at the
 * end of the attribute: tshark reads on into the next one.
 */
const knownProblems: { readonly [capture: string]: string } = {
  'exabgp-odd': 'mpReach disable-afi-safi: needs 33 octets, 32 left (octet 58)',
}

if (captures.length === 0) {
  t.test('recorded sessions', { skip: 'no ../shared/vectors beside this checkout' }, () => {})
}

for (const name of captures) {
  const streams = readStreams(readFileSync(join(folder, `${name}.pcap`)))
  const frames = readJson<TsharkFrame[]>(folder, `${name}.tshark.json`)
  for (const stream of streams.filter((one) => one.octets.length > 0)) {
    t.test(`${name} ${stream.name}`, async (t) => {
      const messages = decodeStream(t, stream, knownProblems[name])
      const told = messages.filter(({ message }) => message.kind !== 'keepalive')
      const wanted = frames
        .filter((frame) => frame.src === stream.source && frame.dst === stream.destination)
        .flatMap((frame) => frame.bgp)
        .map((bgp) => fieldsOfTshark(bgp))
      t.equal(told.length, wanted.length, 'as many messages as tshark saw')
      for (const [i, { message, isWhole }] of told.entries()) {
        const name = `message ${i} (${message.kind})`
        const ours = compared(fieldsOf(message))
        const theirs = compared(wanted[i] ?? new Map())
        if (isWhole) t.same(ours, theirs, name)
        else t.match(theirs, ours, `${name}, as far as it can be read`)
        if (message.kind === 'update')
          t.same(wrongLabels(message, wanted[i]!), [], `${name} labels`)
      }
    })
  }
}

/** All messages of one side; each but the known ones must be sound and encode to its octets. */
function decodeStream(t: Tap, stream: Stream, knownProblem: string | undefined): readonly Told[] {
  const framed = new Framer().push(stream.octets, initialContext)
  t.equal(framed.error, undefined, 'framing')
  const total = framed.messages.reduce((sum, octets) => sum + octets.length, 0)
  t.equal(total, stream.octets.length, 'nothing is left over')
  return framed.messages.map((octets) => {
    const { message, problems } = decodeMessage(octets, { ...initialContext, isIbgp: true })
    const [problem, ...others] = problems.map(
      (one) => `${one.attribute} ${one.verdict}: ${one.text}`,
    )
    const isKnown = problem !== undefined && problem === knownProblem
    t.same(isKnown ? others : problems, [], 'no problems')
    if (!isKnown)
      t.same(encodeMessage(message!, initialContext), octets, `${message?.kind}: octets`)
    return { message: message!, isWhole: !isKnown }
  })
}

interface Told {
  readonly message: Message
  /** False when an attribute is missing because of a known problem. */
  readonly isWhole: boolean
}

type Tap = Pick<typeof t, 'equal' | 'same'>

function compared(fields: Fields): { readonly [name: string]: readonly string[] } {
  return Object.fromEntries(
    comparedFields.flatMap((name) => {
      const values = fields.get(name)
      return values === undefined ? [] : [[name, values]]
    }),
  )
}

/**
 * tshark shows a label as a VNI or as twenty bits of MPLS, depending on what it makes of the encapsulation. Both must
 * be our 24 bits, whole or shifted; gives the labels for which neither is there.
 */
function wrongLabels(update: Update, fields: Fields): readonly number[] {
  const shown = (name: string) => fields.get(name) ?? []
  const whole = [
    ...shown('bgp.evpn.nlri.vni'),
    ...shown('bgp.update.path_attribute.mpls_label_value'),
  ]
  const shifted = [
    ...shown('bgp.evpn.nlri.mpls_ls1'),
    ...shown('bgp.evpn.nlri.mpls_ls2'),
    ...shown('bgp.update.path_attribute.mpls_label_value_20bits'),
    ...shown('bgp.update.path_attribute.mpls_label_value'),
  ]
  return labelsOf(update).filter(
    (label) => !whole.includes(String(label)) && !shifted.includes(String(label >> 4)),
  )
}

function labelsOf({ attributes }: Update): readonly number[] {
  const routes = [attributes.mpReach, attributes.mpUnreach].flatMap(
    (value): readonly EvpnRoute[] => (value?.family === 'evpn' ? value.nlri : []),
  )
  const labels = routes.flatMap((route) => [
    ...('label' in route ? [route.label] : []),
    ...('label2' in route && route.label2 !== undefined ? [route.label2] : []),
  ])
  return attributes.pmsiTunnel === undefined ? labels : [...labels, attributes.pmsiTunnel.label]
}
