// libvirtd in a host, without systemd and without anything of the machine's own libvirt: its folders are the lab's, by mounts
// of its own. What it is told is told by virsh.

import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type CommandResult,
  type GuestImage,
  type Host,
  root,
  type Service,
  until,
} from '../lab/index.js'

const example = join(root, 'bin/libvirt/example.xml')

export interface DomainOptions {
  readonly image: GuestImage
  /** Of the vhostuser interface; without it the domain has none, and may migrate. */
  readonly socket?: string
  readonly console: string
}

/** bin/libvirt/example.xml, with what this machine needs: no KVM, our kernel, our folders. */
export function exampleDomain({ image, socket = '', console }: DomainOptions): string {
  const replacements: readonly (readonly [string, string])[] = [
    [
      "<domain type='kvm'>",
      "<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>",
    ],
    ['/run/vtep/vm1-eth2.sock', socket],
    // Without KVM it takes seconds to see that there is nothing to boot from.
    ["<model type='virtio'/>", "<model type='virtio'/><rom enabled='no'/>"],
    [
      "<type arch='x86_64'>hvm</type>",
      `<type arch='x86_64'>hvm</type><kernel>${image.kernel}</kernel><initrd>${image.initrd}</initrd><cmdline>${image.append}</cmdline>`,
    ],
    ['  </devices>', `    <serial type='file'><source path='${console}'/></serial>\n  </devices>`],
    [
      '</domain>',
      // See vhostCard of the lab.
      "<qemu:commandline><qemu:arg value='-global'/><qemu:arg value='virtio-net-pci.vectors=0'/></qemu:commandline></domain>",
    ],
  ]
  let xml = readFileSync(example, 'utf8')
  if (socket === '') {
    xml = xml
      .replace(/ *<interface type='vhostuser'>[\s\S]*?<\/interface>\n/, '')
      .replace(/.*<vtep:interface mac='52:54:00:00:00:03'.*\n/, '')
  }
  for (const [what, by] of replacements) {
    if (!xml.includes(what) && by !== '') throw new Error(`${example}: expected ${what}`)
    xml = xml.replaceAll(what, by)
  }
  return xml
}

/** Of a package that the machine need not have. */
const qemuUser = { name: 'libvirt-qemu', id: 64055 }

/** The host as a machine has it where libvirt's own packages are: with the user that QEMU runs as, and a name that is known. */
export function withQemuUser(host: Host): Host {
  const lines = [
    ['/etc/passwd', `${qemuUser.name}:x:${qemuUser.id}:${qemuUser.id}::/:/usr/sbin/nologin`],
    ['/etc/group', `${qemuUser.name}:x:${qemuUser.id}:`],
    // libvirt asks for its own name again and again, and there is no DNS here.
    ['/etc/hosts', `${host.vtep4} ${host.name}`],
  ] as const
  const mounts = lines.map(([file, line]) => {
    const all = readFileSync(file, 'utf8')
    if (all.includes(line.split(':')[0]!)) return ''
    const own = join(host.directory, file.slice(1).replace('/', '-'))
    writeFileSync(own, `${all}${line}\n`)
    return `mount --bind ${own} ${file}`
  })
  const script = ['set -e', ...mounts, 'exec "$@"'].join('\n')
  const enter = ['unshare', '-mu', '--propagation', 'private', 'sh', '-c', script, 'sh']
  return Object.assign(Object.create(host) as Host, {
    enter: (argv: readonly string[]) => host.enter([...enter, ...argv]),
  })
}

/** What libvirtd and its hooks read and write, wherever the distribution has it. */
const folders = [
  '/etc/libvirt',
  '/run/libvirt',
  '/var/lib/libvirt',
  '/var/cache/libvirt',
  '/var/log/libvirt',
]

const qemuSettings = [
  'dynamic_ownership = 0',
  'remember_owner = 0',
  'security_driver = "none"',
  'namespaces = []',
  'cgroup_controllers = []',
  'seccomp_sandbox = 0',
  'stdio_handler = "file"',
]

export class Libvirt {
  readonly host: Host
  readonly directory: string
  #service: Service | undefined
  #starts = 0

  /** `host` is one of withQemuUser. */
  constructor(host: Host) {
    this.host = host
    this.directory = join(host.directory, 'libvirt')
    for (const folder of folders) mkdirSync(this.#own(folder), { recursive: true })
    writeFileSync(this.#own('/etc/libvirt/qemu.conf'), `${qemuSettings.join('\n')}\n`)
    const settings = [
      `unix_sock_dir = "${this.directory}"`,
      'auth_unix_rw = "none"',
      'log_outputs = "3:stderr"',
      `host_uuid = "00000000-0000-4000-8000-00000000000${host.number}"`,
    ]
    writeFileSync(join(this.directory, 'libvirtd.conf'), `${settings.join('\n')}\n`)
  }

  #own(folder: string): string {
    return join(this.directory, `root${folder}`)
  }

  /** A hook for QEMU domains, a shell script, under the name that libvirt looks for. */
  hook(name: string, ...lines: readonly string[]): void {
    const file = join(this.#own('/etc/libvirt/hooks'), name)
    mkdirSync(join(file, '..'), { recursive: true })
    writeFileSync(file, `${['#!/bin/sh', ...lines].join('\n')}\n`)
    chmodSync(file, 0o755)
  }

  async start(): Promise<void> {
    this.#starts += 1
    // What the machine does not have is made in a layer of memory above it.
    const script = [
      'set -e',
      'mount -t tmpfs layers /mnt',
      'mkdir /mnt/upper /mnt/work',
      'mount -t overlay -o lowerdir=/var,upperdir=/mnt/upper,workdir=/mnt/work var /var',
      'mount -t tmpfs run /run',
      // A KVM that root has and QEMU's user has not makes libvirt ask QEMU for everything, at every turn.
      '[ ! -e /dev/kvm ] || { touch /mnt/kvm && chmod 0 /mnt/kvm && mount --bind /mnt/kvm /dev/kvm; }',
      ...folders.map(
        (folder) => `mkdir -p ${folder} && mount --bind ${this.#own(folder)} ${folder}`,
      ),
      // Two hosts of the lab are one machine, which libvirt tells by its name, too.
      `hostname ${this.host.name}`,
      `exec libvirtd -f ${this.directory}/libvirtd.conf -p ${this.directory}/libvirtd.pid`,
    ]
    this.#service = this.host.start(`libvirtd-${this.#starts}`, ['sh', '-c', script.join('\n')])
    await until(
      'libvirtd answers',
      async () => {
        if (this.#service?.running !== true) throw new Error(this.log())
        return (await this.attempt('version')).code === 0
      },
      { seconds: 30 },
    )
  }

  /** Its domains run on. */
  async stop(): Promise<void> {
    this.#service?.signal('SIGTERM')
    await this.#service?.ended()
  }

  log(): string {
    return this.#service?.log() ?? ''
  }

  get uri(): string {
    return `qemu+unix:///system?socket=${this.directory}/libvirt-sock`
  }

  attempt(...words: readonly string[]): Promise<CommandResult> {
    return this.host.attempt(['virsh', '-q', '-c', this.uri, ...words], { timeoutSeconds: 60 })
  }

  /** A verb of virsh that has to succeed. */
  async virsh(...words: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.attempt(...words)
    if (code === 0) return stdout
    throw new Error(`virsh ${words.join(' ')}: ${stderr.trim()}\n${this.log().slice(-2000)}`)
  }

  define(xml: string): Promise<string> {
    const file = join(this.directory, 'domain.xml')
    writeFileSync(file, xml)
    return this.virsh('define', file)
  }
}
