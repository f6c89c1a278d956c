import { framedGro, framedNoGro } from './framed.js'
import { idle } from './idle.js'
import { macs } from './macs.js'
import { oneHost } from './one-host.js'
import { packets } from './packets.js'
import type { Probe } from './probe.js'
import { rtt } from './rtt.js'
import { tcp } from './tcp.js'

export type { Column, Probe, ProbeOptions } from './probe.js'

/** In the order of the tables; those of one host come first. */
export const probes: readonly Probe[] = [
  oneHost,
  packets,
  tcp,
  framedGro,
  framedNoGro,
  rtt,
  idle,
  macs,
]
