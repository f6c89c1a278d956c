// What became of a MAC: every event about it that is kept.

import { Type } from '@sinclair/typebox'
import { text, words } from '../config/schema-parts.js'
import { networkName, readEventsQuery } from '../journal/index.js'
import { EventView } from '../views/schemas.js'
import { question } from './question.js'

export const history = question({
  name: 'history',
  summary: 'Events of one MAC, oldest first: learned, announced, moved, withdrawn.',
  method: 'GET',
  path: '/v1/history',
  role: 'read',
  schema: Type.Object(
    {
      mac: text('mac', 'The MAC.'),
      network: Type.Optional(words('Only in this network: its name or VNI.')),
      limit: Type.Optional(
        Type.Integer({ minimum: 1, maximum: 100_000, description: 'At most so many, the newest.' }),
      ),
    },
    { additionalProperties: false },
  ),
  answer: Type.Array(EventView),
  ask({ events, source }, input) {
    const { filter, limit } = readEventsQuery(input, Date.now(), (name) =>
      networkName(source.effective.config.networks, name),
    )
    return events.past(filter, limit)
  },
})
