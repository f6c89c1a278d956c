// A network namespace with a short name: commands, links and processes inside it.

import { join } from 'node:path'
import { attempt, type CommandOptions, type CommandResult, run } from './command.js'
import type { Lab } from './lab.js'
import { Service, type ServiceOptions } from './service.js'

export interface LinkCounters {
  readonly rxPackets: number
  readonly rxBytes: number
  readonly txPackets: number
  readonly txBytes: number
}

export class Namespace {
  /** Its name under /run/netns. */
  readonly netns: string
  readonly directory: string

  readonly lab: Lab
  readonly name: string

  constructor(lab: Lab, name: string) {
    this.lab = lab
    this.name = name
    this.netns = `${lab.prefix}-${name}`
    this.directory = join(lab.directory, name)
  }

  /** What every namespace needs: loopback up, addresses usable at once, no reverse-path filter. */
  async prepare(): Promise<void> {
    await this.sysctl({
      'net.ipv6.conf.all.accept_dad': 0,
      'net.ipv6.conf.default.accept_dad': 0,
      'net.ipv4.conf.all.rp_filter': 0,
      'net.ipv4.conf.default.rp_filter': 0,
    })
    await this.ip('link set lo up')
  }

  enter(argv: readonly string[]): string[] {
    return ['nsenter', `--net=/run/netns/${this.netns}`, '--', ...argv]
  }

  /** Runs a command that has to succeed; answers its standard output. */
  exec(argv: readonly string[], options?: CommandOptions): Promise<string> {
    return run(this.enter(argv), options)
  }

  attempt(argv: readonly string[], options?: CommandOptions): Promise<CommandResult> {
    return attempt(this.enter(argv), options)
  }

  async json<T>(argv: readonly string[], options?: CommandOptions): Promise<T> {
    return JSON.parse(await this.exec(argv, options)) as T
  }

  /** Lines for `ip -batch`, without the leading "ip": all have to succeed. */
  async ip(...lines: readonly string[]): Promise<void> {
    await run(['ip', '-n', this.netns, '-batch', '-'], { input: `${lines.join('\n')}\n` })
  }

  /** Lines for `bridge -batch`. */
  async bridge(...lines: readonly string[]): Promise<void> {
    await run(['bridge', '-n', this.netns, '-batch', '-'], { input: `${lines.join('\n')}\n` })
  }

  async sysctl(values: Readonly<Record<string, number | string>>): Promise<void> {
    const script = Object.entries(values).map(
      ([key, value]) => `echo ${value} > /proc/sys/${key.replaceAll('.', '/')}`,
    )
    await this.exec(['sh', '-ec', script.join('\n')])
  }

  /** Starts a process that lives until it is stopped or the lab ends. */
  start(name: string, argv: readonly string[], options?: ServiceOptions): Service {
    const service = new Service(name, this.directory, this.enter(argv), options)
    this.lab.adopt(service)
    return service
  }

  /** Bytes and packets of an interface, as the kernel counts them. */
  async counters(ifname: string): Promise<LinkCounters> {
    interface Link {
      stats64: { rx: { packets: number; bytes: number }; tx: { packets: number; bytes: number } }
    }
    const [link] = JSON.parse(
      await run(['ip', '-n', this.netns, '-s', '-j', 'link', 'show', 'dev', ifname]),
    ) as Link[]
    const { rx, tx } = link!.stats64
    return { rxPackets: rx.packets, rxBytes: rx.bytes, txPackets: tx.packets, txBytes: tx.bytes }
  }
}

/** A veth pair between two namespaces, both ends up. */
export async function connect(
  a: { readonly namespace: Namespace; readonly ifname: string },
  b: { readonly namespace: Namespace; readonly ifname: string },
  mtu: number,
): Promise<void> {
  await a.namespace.ip(
    `link add name ${a.ifname} mtu ${mtu} type veth peer name ${b.ifname} mtu ${mtu} netns ${b.namespace.netns}`,
    `link set ${a.ifname} up`,
  )
  await b.namespace.ip(`link set ${b.ifname} up`)
}
