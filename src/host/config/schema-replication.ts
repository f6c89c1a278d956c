// The keys of optimized ingress replication (RFC 9574).

import { choice, flag, integer, keys } from './schema-parts.js'

export const AssistedReplication = keys(
  {
    role: choice(
      ['leaf', 'replicator'],
      'leaf: each broadcast and multicast frame is sent once, to a VTEP that replicates it, as long as there is one. replicator: we do that for leaves, under vtep.replicatorAddress.',
    ),
    activationSeconds: integer(
      0,
      3600,
      'A replicator that has come gets so long to learn of all VTEPs before a leaf uses it.',
      { default: 3 },
    ),
  },
  'Our part in assisted replication (RFC 9574). Left out: we send what our hosts flood to every VTEP.',
)

export const PrunedFloodLists = keys(
  {
    broadcasts: flag(false, 'Other VTEPs shall send us no broadcast and multicast (BM flag).'),
    unknownUnicast: flag(false, 'Other VTEPs shall send us no unknown unicast (U flag).'),
  },
  'What other VTEPs are asked not to flood to us (RFC 9574 section 7). What they ask of us is done in any case.',
  { default: {} },
)
