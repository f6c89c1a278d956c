// The network cards of a guest, each by another way that QEMU has to hand frames over.

import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Namespace } from './namespace.js'
import { root } from './vtep.js'

export interface GuestCard {
  readonly mac: string
  /** Of -netdev, without its id. */
  readonly netdev: string
  /** Of -chardev, where the netdev speaks by one. */
  readonly chardev?: string
  /** Further ones of the virtio-net-pci device. */
  readonly properties?: readonly string[]
  /** Words in front of QEMU's: who opens what it is handed. One card of a guest may have it. */
  readonly launcher?: readonly string[]
}

export interface VhostCardOptions {
  readonly socket: string
  /** Who makes the socket: QEMU, or the port. */
  readonly server: boolean
  readonly packed?: boolean
  readonly queues?: number
}

export function vhostCard(mac: string, options: VhostCardOptions): GuestCard {
  const { socket, server, packed = false, queues = 1 } = options
  const onOff = (value: boolean): string => (value ? 'on' : 'off')
  return {
    mac,
    chardev: `socket,path=${socket},${server ? 'server=on' : 'reconnect=1'}`,
    netdev: `vhost-user,queues=${queues}`,
    // No message signalled interrupts (vectors=0): without KVM, QEMU 7.2 falls over its own feet with vhost and MSI-X.
    properties: [`packed=${onOff(packed)}`, `mq=${onOff(queues > 1)}`, 'vectors=0'],
  }
}

/** A tap that QEMU makes, or finds, by its name. It is brought up by a script, as distributions have one. */
export function tapCard(where: Namespace, mac: string, ifname: string): GuestCard {
  const script = join(where.directory, 'qemu-ifup')
  writeFileSync(script, '#!/bin/sh\nexec ip link set "$1" up\n')
  chmodSync(script, 0o755)
  return { mac, netdev: `tap,ifname=${ifname},script=${script},downscript=no` }
}

/** A tap that somebody else has opened, as libvirt does: QEMU gets its descriptor. */
export function tapDescriptorCard(mac: string, ifname: string): GuestCard {
  const descriptor = 30
  const launcher = ['python3', join(root, 'test/lab/with-tap.py'), ifname, `${descriptor}`]
  return { mac, netdev: `tap,fd=${descriptor}`, launcher }
}

/** Frames over a unix socket; `server`: QEMU makes it. */
export function streamCard(mac: string, socket: string, server: boolean): GuestCard {
  const side = `server=${server ? 'on' : 'off'}`
  return { mac, netdev: `stream,${side},addr.type=unix,addr.path=${socket}` }
}
