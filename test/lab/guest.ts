// A virtual machine as a tenant: QEMU without hardware help, a distribution's kernel that scripts/setup unpacked, and an
// initial file system of busybox and one script. What its network cards are, guest-cards.ts says.

import { chmodSync, copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './command.js'
import type { GuestCard } from './guest-cards.js'
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

/** What a guest boots from. */
export interface GuestImage {
  readonly kernel: string
  readonly initrd: string
  readonly append: string
}

/** The guest runs the script's lines of shell, and stays afterwards. Its cards are eth0, eth1, …; none is up. */
export async function guestImage(
  where: Namespace,
  name: string,
  script: readonly string[],
): Promise<GuestImage> {
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
  return {
    kernel: join(kernelFolder, 'vmlinuz'),
    initrd: image,
    append: 'console=ttyS0 quiet panic=-1 mitigations=off',
  }
}

export interface GuestOptions {
  readonly image: GuestImage
  readonly cards: readonly GuestCard[]
  /** Further words for QEMU. */
  readonly words?: readonly string[]
}

/** Starts it; what its script says is in the log of the service. */
export function startGuest(
  where: Namespace,
  name: string,
  { image, cards, words = [] }: GuestOptions,
): Service {
  const [launcher] = cards.flatMap((card) => (card.launcher === undefined ? [] : [card.launcher]))
  return where.start(name, [
    ...(launcher ?? []),
    'qemu-system-x86_64',
    ...['-accel', 'tcg', '-m', '256', '-smp', '2', '-nodefaults', '-no-reboot'],
    ...['-display', 'none', '-serial', 'stdio'],
    ...['-object', 'memory-backend-memfd,id=memory,size=256M,share=on'],
    ...['-machine', 'memory-backend=memory'],
    ...cards.flatMap(({ netdev, chardev, mac, properties = [] }, i) => [
      ...(chardev === undefined ? [] : ['-chardev', `${chardev},id=char${i}`]),
      ...['-netdev', `${netdev}${chardev === undefined ? '' : `,chardev=char${i}`},id=net${i}`],
      '-device',
      [`virtio-net-pci,netdev=net${i},mac=${mac},romfile=`, ...properties].join(),
    ]),
    ...['-kernel', image.kernel, '-initrd', image.initrd, '-append', image.append],
    ...words,
  ])
}
