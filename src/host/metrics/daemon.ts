// The daemon itself: version, health, audit, events, its process.

import { readdirSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { type Metric, one } from './metric.js'

export const daemon: readonly Metric[] = [
  {
    name: 'vtep_build_info',
    help: 'Versions of vtep and of Node.js, as labels.',
    kind: 'gauge',
    labels: ['version', 'node'],
    read: ({ status: { version } }) => [
      { labels: { version, node: process.versions.node }, value: 1 },
    ],
  },
  {
    name: 'vtep_info',
    help: 'Version and addresses, as labels.',
    kind: 'gauge',
    labels: ['version', 'asn', 'router_id', 'vtep', 'uplink'],
    read: ({ status: { version, asn, routerId, vtep, uplink } }) => [
      { labels: { version, asn: String(asn), router_id: routerId, vtep, uplink }, value: 1 },
    ],
  },
  {
    name: 'vtep_health_findings',
    help: 'What is not as it should be, by code.',
    kind: 'gauge',
    labels: ['code', 'severity'],
    read: ({ status }) =>
      status.health.map(({ code, severity }) => ({
        labels: { code, severity },
        value: status.health.filter((finding) => finding.code === code).length,
      })),
  },
  {
    name: 'vtep_audit_rounds_total',
    help: 'How often routes, image and tables were compared.',
    kind: 'counter',
    labels: [],
    read: ({ status }) => one(status.audit.rounds),
  },
  {
    name: 'vtep_audit_repairs_total',
    help: 'Differences between routes, image and tables that were found and repaired.',
    kind: 'counter',
    labels: [],
    read: ({ status }) => one(status.audit.repaired),
  },
  {
    name: 'vtep_dataplane_up',
    help: '1 while a dataplane runs.',
    kind: 'gauge',
    labels: [],
    read: ({ source }) => one(source.uplink === undefined ? 0 : 1),
  },
  {
    name: 'vtep_dataplane_restarts_total',
    help: 'How often the dataplane had to be started again.',
    kind: 'counter',
    labels: [],
    read: ({ source }) => one(source.dataplaneRestarts),
  },
  {
    name: 'vtep_events_total',
    help: 'Events of the event log, by level and kind.',
    kind: 'counter',
    labels: ['level', 'kind'],
    read: ({ events }) =>
      events
        .filter(({ level }) => level !== 'omitted')
        .map(({ level, kind, count }) => ({ labels: { level, kind }, value: count })),
  },
  {
    name: 'vtep_events_omitted_total',
    help: 'Debug events that were only counted, as there were too many, by kind.',
    kind: 'counter',
    labels: ['kind'],
    read: ({ events }) =>
      events
        .filter(({ level }) => level === 'omitted')
        .map(({ kind, count }) => ({ labels: { kind }, value: count })),
  },
  {
    name: 'vtep_events_lost_total',
    help: 'Events that the disk did not take.',
    kind: 'counter',
    labels: [],
    read: ({ source }) => one(source.eventArchive?.lost ?? 0),
  },
  {
    name: 'vtep_event_loop_busy_seconds_total',
    help: 'Time in which the controller was at work and did not wait.',
    kind: 'counter',
    labels: [],
    read: () => one(performance.eventLoopUtilization().active / 1000),
  },
  {
    name: 'process_cpu_seconds_total',
    help: 'CPU time of the controller, user and system.',
    kind: 'counter',
    labels: [],
    read: () => {
      const { user, system } = process.cpuUsage()
      return one((user + system) / 1e6)
    },
  },
  {
    name: 'process_resident_memory_bytes',
    help: 'Resident memory of the controller.',
    kind: 'gauge',
    labels: [],
    read: () => one(process.memoryUsage.rss()),
  },
  {
    name: 'process_heap_bytes',
    help: 'JavaScript heap of the controller that is in use.',
    kind: 'gauge',
    labels: [],
    read: () => one(process.memoryUsage().heapUsed),
  },
  {
    name: 'process_start_time_seconds',
    help: 'Start of the controller, Unix time.',
    kind: 'gauge',
    labels: [],
    read: () => one(performance.timeOrigin / 1000),
  },
  {
    name: 'process_open_fds',
    help: 'Open files and sockets of the controller.',
    kind: 'gauge',
    labels: [],
    read: () => one(readdirSync('/proc/self/fd').length),
  },
]
