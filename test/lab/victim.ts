// A program with a lab that somebody interrupts (lab.test.ts).

import { Lab } from './index.js'

const lab = Lab.open()
const node = await lab.namespace('h1')
const service = node.start('sleep', ['sh', '-c', 'sleep 1000 & wait'])
process.stdout.write(`${lab.directory} ${service.pid} `)
setInterval(() => undefined, 1000)
