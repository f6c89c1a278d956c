// The hook for libvirt's QEMU domains: what it asks of the daemon for each call, with the XML as libvirt writes it.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { children, hookPhase, readDomain, readXml, runHook } from '../../src/platforms/index.js'
import { root } from '../lab/index.js'

const example = readFileSync(join(root, 'bin/libvirt/example.xml'), 'utf8')

/** What a call of the hook does, a line for each step. `fails`: those that the daemon refuses. */
async function steps(
  operation: string,
  suboperation: string,
  xml: string,
  lines: string[] = [],
  fails: RegExp = /^$/,
): Promise<string[]> {
  const phase = hookPhase(operation, suboperation)
  if (phase === undefined) return lines
  await runHook(
    {
      api: {
        async call<T>(method: string, path: string, body?: object) {
          const line = [method, path, ...(body === undefined ? [] : [JSON.stringify(body)])].join(
            ' ',
          )
          lines.push(line)
          if (fails.test(line)) throw new Error(`refused: ${path}`)
          return {} as T
        },
      },
      taps: {
        async make(name, { queues, mtu }) {
          lines.push(`make ${name} ${queues} ${mtu ?? '-'}`)
        },
        async remove(name) {
          lines.push(`remove ${name}`)
        },
      },
      socketOwner: 'libvirt-qemu',
    },
    phase,
    xml,
  )
  return lines
}

const [first, second, third] = [1, 2, 3].map((n) => `52:54:00:00:00:0${n}`)
const connected = [
  'POST /v1/attachments {"vni":10100,"name":"vxlan10100","kind":"tap","options":{"bridge":"brvx-10100"}}',
  `POST /v1/ports/vxlan10100/hosts {"mac":"${first}","ip":["10.0.1.1"]}`,
  'make vm1-eth1 1 -',
  `POST /v1/attachments {"vni":10100,"name":"vm1-eth1","kind":"netdev","hosts":[{"mac":"${second}","ip":["10.0.2.1"]}]}`,
  `POST /v1/attachments {"vni":10100,"name":"vm-525400000003","kind":"vhost-user","options":{"socket":"/run/vtep/vm1-eth2.sock","owner":"libvirt-qemu"},"hosts":[{"mac":"${third}","ip":[]}]}`,
]

const released = [
  `DELETE /v1/ports/vxlan10100/hosts/${first}`,
  'DELETE /v1/attachments/vm1-eth1',
  'remove vm1-eth1',
  'DELETE /v1/attachments/vm-525400000003',
]

t.test('each call of libvirt', async (t) => {
  const rows: readonly (readonly [string, string, readonly string[]])[] = [
    ['prepare', 'begin', connected],
    ['start', 'begin', []],
    ['started', 'begin', []],
    ['reconnect', 'begin', connected],
    ['migrate', 'begin', []],
    ['restore', 'begin', []],
    ['attach', 'begin', []],
    ['stopped', 'end', []],
    ['release', 'end', released],
    ['toString', 'begin', []],
  ]
  for (const [operation, suboperation, expected] of rows)
    t.same(await steps(operation, suboperation, example), expected, operation)
  t.equal(hookPhase('reconnect', 'begin')?.mayFail, true, 'a running domain is not ended by us')
  t.equal(hookPhase('prepare', 'begin')?.mayFail, undefined)
})

t.test('the daemon refuses', async (t) => {
  const begun: string[] = []
  await t.rejects(steps('prepare', 'begin', example, begun, /hosts/), {
    message: 'refused: /v1/ports/vxlan10100/hosts',
  })
  t.same(begun, connected.slice(0, 2), 'the domain will not start, so nothing more is asked')
  const ended: string[] = []
  await t.rejects(steps('release', 'end', example, ended, /^DELETE/), { message: /refused/ })
  t.same(ended, released, 'all is given back that can be')
})

t.test('variants', async (t) => {
  const prepared = async (what: string, by: string) => {
    t.ok(example.includes(what), what)
    return (await steps('prepare', 'begin', example.replaceAll(what, by))).join('\n')
  }
  t.match(
    await prepared("mode='client'", "mode='server'"),
    '"options":{"socket":"/run/vtep/vm1-eth2.sock","mode":"client"}',
    'QEMU makes the socket',
  )
  t.notMatch(await prepared(" managed='no'", ''), /make/, 'libvirt makes the tap')
  t.match(
    await prepared(
      "<target dev='vm1-eth1' managed='no'/>",
      "<target dev='vm1-eth1' managed='no'/><mtu size='9000'/><driver queues='4'/>",
    ),
    'make vm1-eth1 4 9000',
  )
  t.match(
    await prepared("00:02' vni='10100'", "00:02' network='blue'"),
    'POST /v1/attachments {"network":"blue","name":"vm1-eth1"',
  )
  t.same(await steps('prepare', 'begin', example.replace(/<metadata>[\s\S]*<\/metadata>/, '')), [])
})

t.test('what can not be meant', async (t) => {
  const refused = (what: string, by: string, text: string) =>
    t.rejects(steps('prepare', 'begin', example.replace(what, by)), { message: text })
  await refused(
    "type='bridge'",
    "type='network'",
    `interface ${first}: type: expected one of bridge, ethernet, vhostuser, got "network"`,
  )
  await refused(
    "<source bridge='brvx-10100'/>",
    '',
    `interface ${first}: expected source bridge for type bridge, got nothing`,
  )
  await refused(
    "00:01' vni='10100'",
    "00:01' network='blue'",
    `interface ${first}: expected vni for type bridge, got nothing`,
  )
  await refused(
    "00:01' vni='10100'",
    "00:01'",
    `vtep:interface ${first}: expected one of vni and network, got neither`,
  )
  await refused(
    "00:01' vni='10100'",
    "00:01' vni='x'",
    `vtep:interface ${first}: vni: expected a number, got "x"`,
  )
  await refused(
    "interface mac='52:54:00:00:00:01'",
    "interface mac='52:54:00:00:00:09'",
    `vtep:interface: expected the mac of one of ${first}, ${second}, ${third}, got 52:54:00:00:00:09`,
  )
  await refused('</metadata>', '</meta>', 'XML: expected </metadata>, got </meta>')
})

t.test('XML', async (t) => {
  const text = fc
    .string()
    .map((value) => value.replaceAll(/[\u0000-\u001f\ufffe\uffff]|[\ud800-\udfff]/g, ''))
  const name = fc.constantFrom('a', 'interface', 'x.y-z', 'q')
  const written = (value: string, quote: string): string =>
    value
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll(quote, quote === '"' ? '&quot;' : '&#39;')
      .replaceAll('>', '&#x3e;')
  interface Tree {
    readonly name: string
    readonly value: string
    readonly parts: readonly Tree[]
  }
  const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
    tree: fc.record({
      name,
      value: text,
      parts: fc.oneof({ maxDepth: 4 }, fc.constant([]), fc.array(tie('tree'), { maxLength: 3 })),
    }),
  }))
  const print = (one: Tree, quote: string): string => {
    const head = `<v:${one.name} xmlns:v=${quote}urn:x${quote} value=${quote}${written(one.value, quote)}${quote}`
    const inner = one.parts.map((part) => print(part, quote)).join('<!-- <a> -->text &lt;')
    return one.parts.length === 0 ? `${head}/>` : `${head}>${inner}<![CDATA[</a>]]></v:${one.name}>`
  }
  const same = (one: Tree, read: ReturnType<typeof readXml>): boolean =>
    read.name === one.name &&
    read.namespace === 'urn:x' &&
    read.attributes.get('value') === one.value &&
    read.children.length === one.parts.length &&
    one.parts.every((part, i) => same(part, read.children[i]!))
  fc.assert(
    fc.property(tree, fc.constantFrom('"', "'"), (one, quote) =>
      same(one, readXml(`<?xml version='1.0'?>\n${print(one, quote)}`)),
    ),
  )
  for (const [bad, why] of [
    ['', 'expected an element'],
    ['<a>', 'expected </a>, got the end'],
    ['<a></b>', 'expected </a>, got </b>'],
    ['</a>', 'expected </>, got </a>'],
    ['<a/><b/>', 'expected one root element'],
    ['<a b=c/>', 'expected a tag, got "<a b=c/>"'],
    ['<!DOCTYPE a [<!ENTITY b "c">]><a/>', 'expected a tag'],
  ] as const)
    t.throws(() => readXml(bad), { message: new RegExp(why.replaceAll(/[[\]]/g, '\\$&')) }, bad)
  // Whatever comes, it is read or refused, and at once.
  fc.assert(
    fc.property(fc.nat(example.length), fc.nat(60), fc.string(), (at, length, by) => {
      try {
        readDomain(example.slice(0, at) + by + example.slice(at + length))
      } catch (error) {
        if (!(error instanceof Error) || error instanceof TypeError) throw error
      }
    }),
    { numRuns: 500 },
  )
  t.equal(children(readXml('<a><b/><b xmlns="u"/></a>'), 'b').length, 1)
})
