// A dataplane as a process of its own: node dataplane-process.js CONTROL_PATH [WORKERS]

import { startDataplane } from '../../src/io/native.js'

const [controlPath, workers = '1'] = process.argv.slice(2)
const running = startDataplane({
  controlPath: controlPath!,
  workers: Number(workers),
  holdProcess: true,
})
process.on('SIGTERM', () => running.close())
process.stdout.write('dataplane: ready\n')
await running.closed
