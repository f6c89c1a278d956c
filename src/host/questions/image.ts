// The tables to trace by elsewhere.

import { Type } from '@sinclair/typebox'
import { words } from '../config/schema-parts.js'
import { imageOf } from '../tracing/index.js'
import { octets, question } from './question.js'

export const image = question({
  name: 'image',
  summary: 'The tables of the packet path as one small segment, for traces elsewhere.',
  method: 'GET',
  path: '/v1/image',
  role: 'read',
  schema: Type.Object(
    {
      network: Type.Optional(
        words('Only this network, by name or VNI, and those that share its IP-VRF.'),
      ),
    },
    { additionalProperties: false },
  ),
  answer: octets,
  mediaType: 'application/octet-stream',
  ask: (context, input) => imageOf(context, input),
})
