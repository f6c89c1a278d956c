// A controller that writes without pause until it is killed: node controller-process.js CONTROL_PATH VNI

import type { Operation } from '../../src/fib/dataplane.js'
import { NativeDataplane } from '../../src/io/native.js'

const [controlPath, vniText] = process.argv.slice(2)
const vni = Number(vniText)
const dataplane = NativeDataplane.attach({ controlPath: controlPath!, role: 'controller' })

const mac = (round: number, i: number): string =>
  `02:fe:${[round >> 8, round, i >> 8, i].map((part) => (part & 0xff).toString(16).padStart(2, '0')).join(':')}`

for (let round = 0; ; round++) {
  const operations: Operation[] = []
  for (let i = 0; i < 500; i++) {
    operations.push(
      {
        op: 'macSetRemote',
        vni,
        mac: mac(round, i),
        remote: `10.254.${round & 7}.${1 + (i & 63)}`,
        sticky: false,
        override: false,
      },
      ...(round > 0
        ? [{ op: 'macRemove', vni, mac: mac(round - 1, i), origin: 'remote' } as const]
        : []),
    )
  }
  await dataplane.apply(operations)
  if (round === 1) process.stdout.write('controller: busy\n')
}
