// GET /v1/why: is an address reached, and if not, why.

import { Type } from '@sinclair/typebox'
import { VtepProbe } from '../probe/index.js'
import { WhyView } from '../views/why.js'
import { why } from '../why/index.js'
import { question } from './question.js'

export const whyQuestion = question({
  name: 'why',
  summary:
    'Whether a MAC, an IP address or a VTEP is reached, link by link, and what mends the first broken one.',
  method: 'GET',
  path: '/v1/why',
  role: 'read',
  schema: Type.Object(
    {
      address: Type.String({ description: 'MAC or IP address.', maxLength: 64 }),
      network: Type.Optional(Type.String({ description: 'Name or VNI.', maxLength: 255 })),
      probe: Type.Boolean({
        description: 'Ask the far VTEP for a sign of life (ICMP echo), too.',
        default: true,
      }),
    },
    { additionalProperties: false },
  ),
  answer: WhyView,
  async ask({ source, path, signal }, { probe, ...input }) {
    const { address, udpPort } = source.effective.config.vtep
    const asking = probe ? new VtepProbe(address, udpPort, signal) : undefined
    try {
      return await why(input, { source, path, probe: asking, now: Date.now() })
    } finally {
      asking?.close()
    }
  },
})
