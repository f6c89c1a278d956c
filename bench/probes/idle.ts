// What a device takes when nobody speaks: eight ports attached, time of processors and memory.

import { sleep } from '../../test/lab/index.js'
import { memoryOf, runTime, withCores } from '../machine.js'
import type { Probe } from './probe.js'

const ports = 8

export const idle: Probe = {
  name: 'idle',
  title: 'Idle, eight ports',
  note:
    'Host 1 has eight tenants that say nothing, host 2 one. Per cent of one core over five seconds: the threads of the processes at host 1 by themselves, and the whole machine ' +
    '(both hosts, and whatever else lives there). Memory is the proportional set size of all processes of a host, huge pages in use included; a device in the kernel has none.',
  hosts: 2,
  bed: { extra: ports - 1 },
  columns: {
    idleOwn: { label: 'own CPU, %', unit: '%', better: 'less' },
    idleAll: { label: 'whole machine, %', unit: '%', better: 'less' },
    memory: { label: 'memory per host, MB', unit: 'MB', better: 'less' },
  },
  suits: ({ kind, oneHost, name }) =>
    kind !== 'limit' && oneHost !== true && name !== 'kernel + RPS',
  async measure(bed, { quick }) {
    const seconds = quick ? 2 : 5
    // Starting is not idling: routes, neighbours and the first second's housekeeping.
    await sleep(quick ? 1 : 2)
    const pids = await bed.processes(1)
    const before = runTime(pids)
    const { cores } = await withCores(() => sleep(seconds))
    const own = (runTime(pids) - before) / seconds
    const memory = pids.reduce((sum, pid) => sum + memoryOf(pid), 0)
    return { idleOwn: own * 100, idleAll: cores * 100, ...(pids.length > 0 ? { memory } : {}) }
  },
}
