// The keys of the HTTP API and of the event log.

import { Type } from '@sinclair/typebox'
import { flag, integer, keys, list, text, words } from './schema-parts.js'

export const Api = keys(
  {
    listen: Type.Optional(
      text('socketAddress', 'Also answer HTTP here. Leave out: unix socket only.'),
    ),
    readOnly: flag(
      true,
      'Who comes by `listen` without token or certificate may only read. Away from a loopback address such callers are not answered at all. The unix socket may always change.',
    ),
    authenticate: flag(
      false,
      'Nor are they answered on a loopback address: everybody has to show a token or a certificate.',
    ),
    readGroup: Type.Optional(
      words(
        'Group, by name or number, whose members may read by a socket of their own, read.sock. Left out: there is no such socket.',
        63,
      ),
    ),
    tls: Type.Optional(
      keys(
        {
          cert: words('PEM file with our certificate, and those between it and the root.', 4095),
          key: words('PEM file with its key.', 4095),
          clientCa: Type.Optional(
            words('PEM file with an authority: whoever has a certificate of it may read.', 4095),
          ),
          operators: list(
            words('Common name of a certificate.'),
            'Who of them may change things, too.',
          ),
        },
        'HTTPS in the place of HTTP on `listen`. Certificates are read again with `vtep reload`.',
      ),
    ),
  },
  'The HTTP API.',
  { default: {} },
)

export const EventFiles = keys(
  {
    keep: flag(true, 'Keep events on disk, in the state directory.'),
    fileKilobytes: integer(
      64,
      1_048_576,
      'A file that has become so large is followed by the next.',
      {
        default: 4096,
      },
    ),
    files: integer(
      2,
      1000,
      'So many files of events are kept, and as many of debug events apart from them; the oldest goes first.',
      { default: 12 },
    ),
    debugPerSecond: integer(
      0,
      100_000,
      'Of debug events, as for each route and learned MAC, so many are kept each second, and twice as many at once; others are only counted.',
      { default: 500 },
    ),
  },
  'The event log.',
  { default: {} },
)
