// The vectors of test/vectors/bgp. Well-formed ones decode to the recorded value and encode to the same octets;
// malformed ones give the recorded problems, verdict by verdict (RFC 7606).

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import {
  type DecodedMessage,
  decodeMessage,
  encodeMessage,
  Framer,
  formatEvpnRoute,
  initialContext,
  type WireContext,
} from '../../../src/wire/bgp/index.js'
import { fromHex, plain } from './support/plain.js'
import { readJson, root } from './support/root.js'

/** One message. `message` for a well-formed one, `problems` for a malformed one. */
interface Vector {
  readonly name: string
  /** Where it comes from: an implementation, or the RFC it was made from. */
  readonly origin: string
  readonly hex: string
  /** What differs from the initial context. */
  readonly context?: Partial<WireContext>
  readonly message?: unknown
  /** Each as far as it says anything. */
  readonly problems?: readonly unknown[]
  /** EVPN routes that are left, as text, of MP_REACH_NLRI or MP_UNREACH_NLRI. */
  readonly routes?: readonly string[]
  /** Problems that concern one route alone. */
  readonly broken?: number
  /** The framer must refuse it with the same NOTIFICATION. */
  readonly framer?: boolean
}

const folder = join(root, 'test', 'vectors', 'bgp')

for (const file of readdirSync(folder).filter((name) => name.endsWith('.json'))) {
  t.test(file, async (t) => {
    for (const vector of readJson<Vector[]>(folder, file)) {
      t.test(`${vector.name} (${vector.origin})`, async (t) => {
        const ctx: WireContext = { ...initialContext, ...vector.context }
        const octets = fromHex(vector.hex)
        const decoded = decodeMessage(octets, ctx)
        if (vector.problems === undefined) wellFormed(t, vector, decoded, ctx)
        else malformed(t, vector, decoded)
        const framed = new Framer().push(octets, ctx)
        const refusal = decoded.problems[0]?.notification
        t.same(framed, vector.framer ? { messages: [], error: refusal } : { messages: [octets] })
      })
    }
  })
}

type Tap = Pick<typeof t, 'equal' | 'match' | 'same'>

function wellFormed(t: Tap, vector: Vector, decoded: DecodedMessage, ctx: WireContext): void {
  t.same(decoded.problems, [])
  t.same(plain(decoded.message), vector.message)
  t.same(encodeMessage(decoded.message!, ctx), fromHex(vector.hex), 'octet for octet')
}

function malformed(t: Tap, vector: Vector, decoded: DecodedMessage): void {
  const { message, problems } = decoded
  t.equal(problems.length, vector.problems!.length, JSON.stringify(plain(problems)))
  t.match(plain(problems), vector.problems)
  if (vector.routes !== undefined && message?.kind === 'update') {
    const { mpReach, mpUnreach } = message.attributes
    const family = mpReach ?? mpUnreach
    const routes = family?.family === 'evpn' ? family.nlri.map(formatEvpnRoute) : []
    t.same(routes, vector.routes)
  }
  const broken = problems.filter((problem) => problem.route !== undefined).length
  t.equal(broken, vector.broken ?? 0, 'routes broken by themselves')
}
