// A fresh Debian that boots: the root that scripts/setup made, an overlay over it, its own systemd, the network of a lab's namespace.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { CommandOptions } from '../../lab/command.js'
import { type Namespace, root, run, type Service, until } from '../../lab/index.js'

const base = join(root, '.setup/debian')

/** Why no machine can be had here, or false. */
export function machineMissing(): string | false {
  if (process.getuid?.() !== 0) return 'needs root'
  if (!existsSync(join(base, 'lib/systemd/systemd'))) {
    return 'no Debian root in .setup/debian (npm run setup -- platforms)'
  }
  return unified() === undefined ? 'no cgroup v2 here' : false
}

/** Where the hierarchy of cgroup v2 is mounted. */
function unified(): string | undefined {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n')
  return mounts.map((line) => line.split(' ')).find(([, , kind]) => kind === 'cgroup2')?.[1]
}

export class Machine {
  readonly #service: Service
  readonly #pid: number

  private constructor(service: Service, pid: number) {
    this.#service = service
    this.#pid = pid
  }

  static async boot(t: Pick<Test, 'teardown'>, where: Namespace): Promise<Machine> {
    const cgroup = join(unified()!, `${where.netns}-machine`)
    mkdirSync(cgroup)
    const folder = join(where.directory, 'machine')
    mkdirSync(folder, { recursive: true })
    // Ends with its first process: mounts, processes and all.
    const service = where.start('machine', [
      ...['sh', '-ec', `echo $$ > ${cgroup}/cgroup.procs; exec "$@"`, 'sh'],
      ...['unshare', '--mount', '--pid', '--ipc', '--uts', '--cgroup', '--fork', '--kill-child'],
      ...['--propagation', 'private', 'sh', '-ec', script(folder)],
    ])
    t.teardown(async () => {
      await service.stop(0.1)
      await until('its processes are gone', () => removed(cgroup))
    })
    const init = async (): Promise<number | undefined> => {
      const pids = readFileSync(join(cgroup, 'init.scope/cgroup.procs'), 'utf8').split('\n')
      return Number(pids[0]) || undefined
    }
    let pid: number | undefined
    await until('systemd runs', async () => {
      pid = await init().catch(() => undefined)
      return pid !== undefined
    })
    const machine = new Machine(service, pid!)
    await until('it has booted', async () => {
      const state = await machine
        .exec(['sh', '-c', 'systemctl is-system-running || true'])
        .catch(() => '')
      return /running|degraded/.test(state)
    })
    return machine
  }

  /** Runs a command inside that has to succeed. */
  exec(argv: readonly string[], options?: CommandOptions): Promise<string> {
    return run(this.enter(argv), options)
  }

  /** Copies a file in. */
  async receive(file: string, path: string): Promise<void> {
    await run([
      'sh',
      '-ec',
      'file=$1; shift; exec "$@" < "$file"',
      'sh',
      file,
      ...this.enter(['sh', '-c', `cat > ${path}`]),
    ])
  }

  enter(argv: readonly string[]): string[] {
    const into = ['--mount', '--pid', '--ipc', '--uts', '--cgroup', '--net', '--root', '--wdns=/']
    return ['nsenter', '--target', `${this.#pid}`, ...into, '--', ...argv]
  }

  log(): string {
    return this.#service.log()
  }
}

const devices = ['null 1 3', 'zero 1 5', 'full 1 7', 'random 1 8', 'urandom 1 9', 'tty 5 0']

const script = (folder: string): string => `
cd ${folder}
mount -t tmpfs tmpfs .
mkdir upper work root
mount -t overlay overlay -o lowerdir=${base},upperdir=upper,workdir=work root
mount -t proc proc root/proc
mount -t sysfs sysfs root/sys
mount -t cgroup2 cgroup2 root/sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs root/run
mount -t tmpfs -o mode=755 tmpfs root/dev
mkdir root/dev/pts root/dev/shm root/dev/net
mount -t devpts -o newinstance,ptmxmode=666 devpts root/dev/pts
ln -s pts/ptmx root/dev/ptmx
${devices.map((words) => `mknod -m 666 root/dev/${words.replace(' ', ' c ')}`).join('\n')}
mknod -m 666 root/dev/net/tun c 10 200
ln -s /proc/self/fd root/dev/fd
exec chroot root env -i container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --log-target=console --show-status=0
`

/** A cgroup goes away from its leaves on. */
function removed(cgroup: string): boolean {
  spawnSync('find', [cgroup, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', ';'])
  return !existsSync(cgroup)
}
