// The shapes of `why` and `doctor`: what is asked, beside the tables.

import { type Static, Type } from '@sinclair/typebox'

const text = (description: string) => Type.String({ description })
const maybe = (description: string) => Type.Union([Type.String(), Type.Null()], { description })
const choice = <const Names extends readonly string[]>(names: Names, description: string) =>
  Type.Unsafe<Names[number]>({
    ...Type.Union(names.map((name) => Type.Literal(name))),
    description,
  })

export const WhyLink = Type.Object(
  {
    link: text(
      'Name of the link: network, port, learned, route, import, vni, table, vtep, nextHop, mtu …',
    ),
    status: choice(
      ['ok', 'broken', 'warning', 'unknown', 'skipped'],
      'broken: the chain ends here. skipped: behind the broken one, not looked at.',
    ),
    text: text('One sentence.'),
    evidence: Type.Record(Type.String(), Type.Unknown(), {
      description: 'The numbers and names that the sentence is made of.',
    }),
    fix: maybe('The command, or the line of the configuration, that mends it.'),
  },
  { additionalProperties: false },
)

export const WhyAnswer = Type.Object(
  {
    network: maybe('Name of the network, or of the VRF of an address that is only routed to.'),
    vni: Type.Union([Type.Integer(), Type.Null()], { description: 'VNI.' }),
    mac: maybe('MAC address.'),
    ips: Type.Array(Type.String(), { description: 'Addresses known for it.' }),
    verdict: Type.Object(
      {
        code: text('local, reachable, or what the first broken link is called.'),
        severity: choice(['ok', 'warning', 'error'], 'warning: frames go through for now.'),
        text: text('One sentence.'),
        fix: maybe('What mends it.'),
      },
      { additionalProperties: false },
    ),
    chain: Type.Array(WhyLink, { description: 'In the order of the way of a frame.' }),
  },
  { additionalProperties: false },
)

export const WhyView = Type.Object(
  {
    query: Type.Object({
      address: text('As asked, in canonical form.'),
      network: maybe('As asked.'),
    }),
    answers: Type.Array(WhyAnswer, { description: 'One for each network that has to do with it.' }),
  },
  { additionalProperties: false },
)

export const DoctorCheck = Type.Object(
  {
    code: text('Stable name.'),
    title: text('What is as it should be, where it is.'),
    group: text('dataplane, bgp, evpn, ports, underlay, offloads or host.'),
    status: choice(['ok', 'warning', 'error', 'skipped'], 'skipped: could not be looked at.'),
    evidence: text('What was seen, with numbers.'),
    fix: maybe('What mends it.'),
    hiddenBy: maybe('Code of the cause, of which this is only a symptom.'),
  },
  { additionalProperties: false },
)

export const DoctorView = Type.Object(
  {
    checks: Type.Array(DoctorCheck, {
      description: 'A row for each finding, and for each check without one.',
    }),
    ok: Type.Boolean({ description: 'No finding.' }),
    time: text('RFC 3339, UTC.'),
  },
  { additionalProperties: false },
)

export type WhyLink = Static<typeof WhyLink>
export type WhyAnswer = Static<typeof WhyAnswer>
export type WhyView = Static<typeof WhyView>
export type DoctorCheck = Static<typeof DoctorCheck>
export type DoctorView = Static<typeof DoctorView>
