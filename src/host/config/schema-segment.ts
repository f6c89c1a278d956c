// The Ethernet segment of a port.

import { type Static, Type } from '@sinclair/typebox'
import { type DfAlgorithm, dfAlgorithms } from '../../evpn/index.js'
import { choice, flag, integer, keys, text } from './schema-parts.js'

export const EthernetSegment = keys(
  {
    esi: Type.Optional(text('esi', 'The identifier itself.')),
    lacp: Type.Optional(
      keys(
        {
          systemMac: text('mac', 'LACP system MAC address of the host at the other end.'),
          key: integer(0, 65535, 'LACP port key of the host at the other end.'),
        },
        'An identifier of type 1. LACP itself is spoken by whoever owns the bond, never by us.',
      ),
    ),
    system: Type.Optional(
      keys(
        {
          mac: text('mac', 'A MAC address that the VTEPs of the segment agree on.'),
          discriminator: integer(0, 0xffffff, 'Tells segments with this MAC address apart.'),
        },
        'An identifier of type 3.',
      ),
    ),
    mode: choice(
      ['all-active', 'single-active'],
      'all-active: every VTEP of the segment carries frames. single-active: in each network one does.',
      { default: 'all-active' },
    ),
    df: keys(
      {
        algorithm: choice(
          Object.keys(dfAlgorithms) as DfAlgorithm[],
          'How the designated forwarder is elected: modulo (RFC 7432), hrw (RFC 8584), preference or lowestPreference (RFC 9785). Where the VTEPs do not agree, modulo holds.',
          { default: 'modulo' },
        ),
        preference: integer(0, 65535, 'Of preference and lowestPreference.', { default: 32767 }),
        dontPreempt: flag(
          false,
          'Of preference and lowestPreference: who comes back leaves the forwarder as it is.',
        ),
        waitSeconds: integer(
          0,
          3600,
          'How long others may take to make themselves known, before one is elected.',
          { default: 3 },
        ),
      },
      'Who hands on broadcasts to the segment.',
      { default: {} },
    ),
  },
  'The port leads to a link that other VTEPs have, too (RFC 7432): one of `esi`, `lacp` or `system` names it, the same at all.',
)

export type EthernetSegment = Static<typeof EthernetSegment>
