// Routes that are kept (seen, counted, passed on) and have no meaning for a network.

import type { EvpnRoute } from '../../wire/index.js'
import type { RouteMeaning } from './meaning.js'

export const kept: RouteMeaning<EvpnRoute> = {}
