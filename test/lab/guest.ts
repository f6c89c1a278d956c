// A virtual machine as a tenant: QEMU without hardware help, a distribution's kernel that scripts/setup unpacked, and an
// initial file system of busybox and one script. Its network card is a vhost-user port of ours.

import { chmodSync, copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './command.js'
import type { Namespace } from './namespace.js'
import { findProgram, missing } from './requires.js'
import type { Service } from './service.js'
import { root } from './vtep.js'

const kernelFolder = join(root, '.setup/guest')
/** In the order in which they need each other. */
const modules = [
  'virtio',
  'virtio_ring',
  'virtio_pci_legacy_dev',
  'virtio_pci_modern_dev',
  'virtio_pci',
  'failover',
  'net_failover',
  'virtio_net',
]

/** As `missing`, and the guest's kernel. */
export function guestMissing(...programs: readonly string[]): string | false {
  const absent = missing('qemu-system-x86_64', 'busybox', ...programs)
  if (absent !== false) return absent
  return existsSync(join(kernelFolder, 'vmlinuz'))
    ? false
    : 'no kernel for a guest in .setup/guest (npm run setup -- test)'
}

export interface GuestOptions {
  readonly socket: string
  /** Who makes the socket: the port, or QEMU. */
  readonly server: boolean
  readonly mac: string
  readonly packed: boolean
  readonly queues: number
  /** Lines of shell that run when eth0 is there; the guest stays afterwards. */
  readonly script: readonly string[]
}

/** Starts it; what its script says is in the log of the service. */
export async function startGuest(
  where: Namespace,
  name: string,
  options: GuestOptions,
): Promise<Service> {
  const { queues, packed, mac, socket, server } = options
  const files = await initialFiles(where, name, options.script)
  const onOff = (value: boolean): string => (value ? 'on' : 'off')
  // No message signalled interrupts (vectors=0): without KVM, QEMU 7.2 falls over its own feet with vhost and MSI-X.
  return where.start(name, [
    'qemu-system-x86_64',
    ...['-accel', 'tcg', '-m', '256', '-smp', '2', '-nodefaults', '-no-reboot'],
    ...['-display', 'none', '-serial', 'stdio'],
    ...['-object', 'memory-backend-memfd,id=memory,size=256M,share=on'],
    ...['-machine', 'memory-backend=memory'],
    '-chardev',
    `socket,id=card,path=${socket},${server ? 'server=on' : 'reconnect=1'}`,
    ...['-netdev', `vhost-user,id=net,chardev=card,queues=${queues}`],
    '-device',
    `virtio-net-pci,netdev=net,mac=${mac},packed=${onOff(packed)},mq=${onOff(queues > 1)},vectors=0,rombar=0`,
    ...['-kernel', join(kernelFolder, 'vmlinuz'), '-initrd', files],
    ...['-append', 'console=ttyS0 quiet panic=-1 mitigations=off'],
  ])
}

async function initialFiles(
  where: Namespace,
  name: string,
  script: readonly string[],
): Promise<string> {
  const folder = join(where.directory, `${name}.root`)
  const image = join(where.directory, `${name}.cpio`)
  for (const part of ['bin', 'dev', 'modules', 'proc', 'sys'])
    mkdirSync(join(folder, part), { recursive: true })
  copyFileSync(findProgram('busybox')!, join(folder, 'bin/busybox'))
  for (const module of modules)
    copyFileSync(join(kernelFolder, `${module}.ko`), join(folder, 'modules', `${module}.ko`))
  const init = [
    '#!/bin/busybox sh',
    '/bin/busybox --install -s /bin',
    'mount -t proc proc /proc',
    'mount -t sysfs sys /sys',
    'mount -t devtmpfs dev /dev',
    ...modules.map((module) => `insmod /modules/${module}.ko`),
    ...script,
    'while :; do sleep 1000; done',
  ]
  writeFileSync(join(folder, 'init'), `${init.join('\n')}\n`)
  chmodSync(join(folder, 'init'), 0o755)
  await run(['sh', '-c', `cd ${folder} && find . | busybox cpio -o -H newc > ${image}`])
  return image
}
