// Memory of our dataplane: at a thousand MACs, and what each further one adds. The MACs are learned from frames, as in life.

import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Host, root, until } from '../../test/lab/index.js'
import type { Bed } from '../bed.js'
import { macOf } from '../devices/index.js'
import { commandLine, memoryWithSegment, residentMemory } from '../machine.js'
import { measureTrial } from '../meter.js'
import type { Probe } from './probe.js'

const few = 1000

/** Local MACs that the host's daemon counts. */
async function counted(host: Host): Promise<number> {
  const socket = (readdirSync(host.directory, { recursive: true }) as string[]).find((path) =>
    path.endsWith('api.sock'),
  )
  const program = [process.execPath, join(root, 'bin/vtep.js'), 'status', '--json']
  const env = { VTEP_RUNTIME_DIR: join(host.directory, dirname(socket!)) }
  return (await host.json<{ macs: { local: number } }>(program, { env })).macs.local
}

/** So many new MACs speak at host 1, until its table has them all; answers how many it has. */
async function learn(bed: Bed, count: number, from: string): Promise<number> {
  const [host, tenant] = [bed.hosts[0]!, bed.tenant(1)]
  const before = await counted(host)
  return await until(
    `${count} MACs learned`,
    async () => {
      await measureTrial({
        tx: { netns: tenant.netns, ifname: 'eth0' },
        rx: { netns: bed.tenant(2).netns, ifname: 'eth0' },
        to: macOf(2),
        from,
        macs: count,
        count,
        rate: 50_000,
        seconds: 30,
        warm: 0,
      })
      const now = await counted(host)
      return now >= before + count ? now : 0
    },
    { seconds: 40, everySeconds: 0.5 },
  )
}

async function dataplane(bed: Bed): Promise<number> {
  const pids = await bed.processes(1)
  const found = pids.find((pid) => commandLine(pid).includes('--dataplane-only'))
  if (found === undefined) throw new Error('memory: expected a dataplane process, found none')
  return found
}

const segment = /memfd:vtep-segment/

export const macs: Probe = {
  name: 'macs',
  title: 'Memory of our dataplane',
  note:
    'The dataplane process of host 1: proportional set size, its table segment counted whole although the controller maps it, too; and resident set size, ' +
    'which counts whole also what the four processes of the two hosts share of the Node.js program. ' +
    `At ${few} MACs learned from frames, and per MAC of the next 100 000.`,
  hosts: 2,
  bed: {},
  columns: {
    memoryFew: { label: 'at 1 k MACs, MB', unit: 'MB', better: 'less' },
    memoryResident: { label: 'the same as RSS, MB', unit: 'MB', better: 'less' },
    memoryMac: { label: 'each further MAC, octets', unit: 'octets', better: 'less' },
  },
  suits: ({ name }) => name === 'vtep netdev/raw',
  async measure(bed, { quick }) {
    const first = await learn(bed, few, '02:fd:00:00:00:00')
    const pid = await dataplane(bed)
    const memoryFew = memoryWithSegment(pid, segment)
    const memoryResident = residentMemory(pid)
    const second = await learn(bed, quick ? 20_000 : 100_000, '02:fe:00:00:00:00')
    const memoryMany = memoryWithSegment(pid, segment)
    return {
      memoryFew,
      memoryResident,
      memoryMac: ((memoryMany - memoryFew) * 2 ** 20) / (second - first),
    }
  },
}
