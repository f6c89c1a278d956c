import fc from 'fast-check'
import t from 'tap'
import { encodeMessage, Framer, initialContext } from '../../../src/wire/bgp/index.js'
import { messages } from './support/arbitraries.js'

const keepalive = encodeMessage({ kind: 'keepalive' }, initialContext)

t.test('messages come out whole, however the stream is cut', async (t) => {
  const any = fc.oneof(...Object.values(messages))
  fc.assert(
    fc.property(fc.array(any, { maxLength: 4 }), fc.array(fc.nat(300)), (list, cuts) => {
      const context = { ...initialContext, extendedMessages: true }
      const encoded = list.map((message) => encodeMessage(message, context))
      const stream = Uint8Array.from(encoded.flatMap((octets) => [...octets]))
      const framer = new Framer()
      const out: Uint8Array[] = []
      let at = 0
      for (const cut of [...cuts, stream.length]) {
        const framed = framer.push(stream.subarray(at, at + cut), context)
        t.equal(framed.error, undefined)
        out.push(...framed.messages)
        at += cut
      }
      t.same(out, encoded)
      t.equal(framer.heldBytes, 0)
    }),
    { numRuns: 100 },
  )
})

t.test('sound messages before a header error come out with it, and nothing after it', async (t) => {
  const framer = new Framer()
  const bad = keepalive.slice()
  bad[0] = 0
  const framed = framer.push(Uint8Array.from([...keepalive, ...bad]), initialContext)
  t.same(framed.messages, [keepalive])
  t.match(framed.error, { code: 1, subcode: 1 })
  const after = framer.push(keepalive, initialContext)
  t.same(after.messages, [])
  t.match(after.error, { code: 1, subcode: 1 })
  t.equal(framer.heldBytes, 0)
})

t.test('a limit leaves the rest for a call with another context', async (t) => {
  const large = encodeMessage(
    { kind: 'notification', code: 6, subcode: 2, data: new Uint8Array(5000) },
    { ...initialContext, extendedMessages: true },
  )
  const stream = Uint8Array.from([...keepalive, ...large])
  const framer = new Framer()
  t.same(framer.push(stream, initialContext, 1).messages, [keepalive])
  t.equal(framer.heldBytes, large.length)
  const context = { ...initialContext, extendedMessages: true }
  t.same(framer.push(new Uint8Array(0), context).messages, [large])
})
