// What one may ask of a capture: behind `vtep capture`, GET /v1/capture and its description.

import { type Static, Type } from '@sinclair/typebox'
import { dropReasons } from '../../fib/tables.gen.js'
import { choice, integer } from '../config/schema-parts.js'
import { type CapturePointWord, capturePoints } from './words.js'

const optional = <T extends Parameters<typeof Type.Optional>[0]>(schema: T) => Type.Optional(schema)
const text = (description: string, maxLength: number) => Type.String({ description, maxLength })

export const captureSchema = Type.Object(
  {
    port: optional(text('Frames from this port, or to it.', 255)),
    network: optional(text('Frames of this network: its name or VNI.', 255)),
    reason: optional(
      choice(
        dropReasons.map(({ name }) => name).filter((name) => name !== 'none'),
        'Frames that are lost for this reason; where no point is named, where they are lost.',
      ),
    ),
    point: optional(
      Type.Array(choice(Object.keys(capturePoints) as CapturePointWord[], 'A point.'), {
        maxItems: 7,
        description: 'Points of the way where frames are seen. Default: all.',
      }),
    ),
    filter: optional(text("In tcpdump's language, about the frame as it is at the point.", 4096)),
    inner: optional(Type.Boolean({ description: 'The filter is about the frame in VXLAN.' })),
    follow: optional(
      Type.Boolean({
        description:
          "Frames are chosen where they come in, and then seen at every point; the filter is about the tenant's frame.",
      }),
    ),
    count: optional(integer(1, 2 ** 31, 'Then it ends: so many frames.')),
    seconds: optional(integer(1, 86_400, 'Then it ends.')),
    snaplen: optional(integer(14, 65_792, 'Octets of a frame that are kept. Default: all.')),
    rate: optional(
      integer(1, 10_000_000, 'Frames a second that each worker takes at most. Default: 100000.'),
    ),
  },
  { additionalProperties: false },
)

export type CaptureRequest = Static<typeof captureSchema>
