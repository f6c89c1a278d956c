// The pages, in the order of the navigation. One more page is one file and one row.

import type { ComponentType } from 'preact'
import { Events } from './events.js'
import { Health } from './health.js'
import { Macs } from './macs.js'
import { Networks } from './networks.js'
import { Peers } from './peers.js'
import { Ports } from './ports.js'
import { Prefixes } from './prefixes.js'
import { Rates } from './rates.js'
import { Routes } from './routes.js'
import { Topology } from './topology.js'
import { Trace } from './trace.js'
import { Vrfs } from './vrfs.js'
import { Vteps } from './vteps.js'
import { Why } from './why.js'

export interface Page {
  readonly path: string
  readonly title: string
  /** After g. */
  readonly key: string
  readonly component: ComponentType
}

export const pages: readonly Page[] = [
  { path: '/health', title: 'Health', key: 'h', component: Health },
  { path: '/topology', title: 'Topology', key: 't', component: Topology },
  { path: '/macs', title: 'MACs', key: 'm', component: Macs },
  { path: '/routes', title: 'Routes', key: 'r', component: Routes },
  { path: '/peers', title: 'Peers', key: 'b', component: Peers },
  { path: '/vteps', title: 'VTEPs', key: 'v', component: Vteps },
  { path: '/networks', title: 'Networks', key: 'n', component: Networks },
  { path: '/vrfs', title: 'VRFs', key: 'i', component: Vrfs },
  { path: '/prefixes', title: 'Prefixes', key: 'x', component: Prefixes },
  { path: '/ports', title: 'Ports', key: 'p', component: Ports },
  { path: '/rates', title: 'Rates', key: 'd', component: Rates },
  { path: '/events', title: 'Events', key: 'e', component: Events },
  { path: '/why', title: 'Why', key: 'w', component: Why },
  { path: '/trace', title: 'Trace', key: 'f', component: Trace },
]
