// Which platforms there are. One more is a file beside this one and its line here.

import type { Vendor } from '../traits.js'
import { aoscx } from './aoscx.js'
import { cumulus } from './cumulus.js'
import { eos } from './eos.js'
import { frr } from './frr.js'
import { junos } from './junos.js'
import { nxos } from './nxos.js'
import { srlinux } from './srlinux.js'

const rows = { eos, cumulus, frr, nxos, junos, srlinux, aoscx } as const

export type VendorName = keyof typeof rows

export const vendors: Readonly<Record<VendorName, Vendor>> = rows
