// Does it forward, and by what it should.

import { setTimeout as sleep } from 'node:timers/promises'
import { AUDIT_PAGE, Audit } from '../../fib/index.js'
import { smallTables } from '../audit.js'
import { type Around, type Check, error, found, type Outcome, warning } from './check.js'

export const dataplaneChecks: readonly Check[] = [
  {
    code: 'dataplaneDown',
    title: 'A dataplane forwards',
    group: 'dataplane',
    hides: ['*'],
    look: ({ uplink }) =>
      uplink === undefined
        ? [
            error(
              'no dataplane runs: nothing is forwarded',
              'journalctl -u vtep-dataplane -u vtep says why it ended; it is started again by itself',
            ),
          ]
        : { ok: `uplink ${uplink.kind}: ${uplink.reason}` },
  },
  {
    code: 'dataplaneRestarted',
    title: 'The dataplane has run without a break',
    group: 'dataplane',
    look({ dataplaneRestarts }) {
      const times = dataplaneRestarts === 1 ? 'once' : `${dataplaneRestarts} times`
      const findings =
        dataplaneRestarts === 0
          ? []
          : [
              warning(
                `the dataplane had to be started again ${times}`,
                'vtep events --kind dataplaneLost says why',
              ),
            ]
      return found(findings, 'not restarted')
    },
  },
  {
    code: 'tablesDiffer',
    title: 'The tables are what the routes say',
    group: 'dataplane',
    ask: compareTables,
  },
  {
    code: 'repaired',
    title: 'Nobody else writes the tables',
    group: 'dataplane',
    async ask({ source }) {
      const recent = source.recentRepairs()
      const findings =
        recent > 0
          ? [
              warning(
                `the audit found and repaired ${recent} rows within the last ten minutes that nothing of ours had written so`,
                'vtep events --kind repaired names them; look for what else touches the dataplane, and report it with a recording (vtep run --record)',
              ),
            ]
          : []
      return found(findings, 'nothing was repaired lately')
    },
  },
  {
    code: 'unknownVtep',
    title: 'Only VTEPs that somebody announced send to us',
    group: 'dataplane',
    async ask({ source }) {
      const recent = source.recentDrops('unknown_vtep')
      const total = source.counters()?.drops['unknown_vtep'] ?? 0
      const findings =
        recent > 0
          ? [
              warning(
                `${recent} frames within the last minute came from a VTEP that neither EVPN nor the configuration names for the network, and were dropped (${total} so far)`,
                'vtep capture --reason unknown_vtep shows from whom; vtep why ADDRESS says what is missing of that VTEP',
              ),
            ]
          : []
      return found(findings, `none lately, ${total} frames dropped since the dataplane started`)
    },
  },
  {
    code: 'overload',
    title: 'No buffer is full',
    group: 'dataplane',
    async ask({ dropsPerSecond }) {
      const rates = await Promise.all(
        buffers.map(async (row) => ({ ...row, rate: await dropsPerSecond(row.reason) })),
      )
      const findings = rates
        .filter(({ rate }) => rate > 0)
        .map(({ reason, rate, fix }) =>
          warning(`${rate} frames per second are lost: ${reason}`, fix),
        )
      return found(findings, 'no frame was lost for want of room within a second')
    },
  },
]

/** A buffer is one row. */
const buffers = [
  { reason: 'rx_ring_full', fix: 'more workers: dataplane.workers' },
  { reason: 'tx_queue_full', fix: 'the receiver is too slow: look at the guest behind the port' },
  {
    reason: 'backlog_full',
    fix: 'sysctl -w net.core.netdev_max_backlog=10000',
  },
] as const

/** Between two looks: what is on its way arrives. */
const SETTLE_MILLISECONDS = 300

/** What differs in two rounds is no write on its way. */
async function compareTables({ source, path, signal }: Around): Promise<Outcome> {
  if (source.evpn.isAdopting) return { skipped: 'what was adopted is not swept yet' }
  const audit = new Audit(source.evpn.image)
  await path.settled()
  await round(audit, path)
  await sleep(SETTLE_MILLISECONDS, undefined, { signal })
  await path.settled()
  const repairs = await round(audit, path)
  const { rounds, repaired } = source.audit
  const first = repairs[0] === undefined ? '' : `; the first: ${JSON.stringify(repairs[0])}`
  const findings =
    repairs.length === 0
      ? []
      : [
          error(
            `the dataplane differs from what the controller wants in ${repairs.length} rows${first}`,
            'the audit repairs it within seconds (vtep events --kind repaired); if it stays, report it with a recording (vtep run --record)',
          ),
        ]
  return found(
    findings,
    `all rows compared; the audit made ${rounds} rounds and repaired ${repaired}`,
  )
}

async function round(audit: Audit, path: Around['path']) {
  audit.begin(smallTables(path))
  const macs = await path.readAside('macs')
  const neighbours = await path.readAside('neighbours')
  const routes = await path.readAside('routes')
  for (let at = 0; at < (macs?.length ?? 0); at += AUDIT_PAGE) {
    audit.macs(macs!.slice(at, at + AUDIT_PAGE))
    await breathe()
  }
  for (let at = 0; at < (neighbours?.length ?? 0); at += AUDIT_PAGE) {
    audit.neighbours(neighbours!.slice(at, at + AUDIT_PAGE))
    await breathe()
  }
  for (let at = 0; at < (routes?.length ?? 0); at += AUDIT_PAGE) {
    audit.routes(routes!.slice(at, at + AUDIT_PAGE))
    await breathe()
  }
  const end = audit.end()
  let step = end.next()
  for (; step.done !== true; step = end.next()) await breathe()
  return step.value.repairs
}

/** Others have their turn. */
const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
