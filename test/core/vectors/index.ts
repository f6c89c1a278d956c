// All written vectors, by group.

import { assistedReplication } from './assisted-replication.js'
import { bridging } from './bridging.js'
import { decapsulation } from './decapsulation.js'
import { encapsulation } from './encapsulation.js'
import { metadata } from './metadata.js'
import { multicast } from './multicast.js'
import { neighbours } from './neighbours.js'
import { routing } from './routing.js'
import { segments } from './segments.js'

export const groups = {
  bridging,
  encapsulation,
  metadata,
  decapsulation,
  neighbours,
  routing,
  multicast,
  segments,
  assistedReplication,
}
export const vectors = Object.values(groups).flat()
