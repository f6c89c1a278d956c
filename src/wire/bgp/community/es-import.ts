// ES-Import Route Target (RFC 7432 section 7.6): six octets of the ESI. "es-import:00:01:02:03:04:05"

import { parseMac } from '../../../net/index.js'
import { struct } from '../../codec.js'
import { mac } from '../../values.js'
import { coded, communityType } from './community.js'

export const esImport = communityType({
  name: 'esImport',
  codes: [0x0602],
  octets: coded(0x0602, struct({ target: mac })),
  word: 'es-import',
  format: (value) => value.target,
  parse: (text) => ({ target: parseMac(text) }),
})
