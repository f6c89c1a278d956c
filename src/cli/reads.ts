// The show verbs, one per view; every filter of the API is an option.

import { type Command, Option } from 'commander'
import {
  type EventView,
  type PortView,
  type View,
  type ViewName,
  views,
} from '../host/views/index.js'
import { call } from './client.js'
import type { CliContext } from './context.js'
import { formatEvents } from './events.js'
import { runtimeDirFor } from './runtime-dir.js'
import { formatJson, formatTable, type Paint, painter } from './style.js'
import { portDrops, tables } from './tables.js'

export function define(program: Command, context: CliContext): void {
  for (const view of views) defineView(program, view, context)
}

function defineView(program: Command, view: View, context: CliContext): void {
  const command = program.command(view.name).description(view.summary)
  command.option('-j, --json', 'as JSON, exactly as the API gives it')
  for (const filter of view.filters) {
    const flag = filter.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    command.addOption(new Option(`--${flag} <value>`, `only rows with this ${filter}`))
  }
  if (view.name === 'drops') {
    command.option('--all', 'reasons that never occurred, too')
    command.option('--ports', 'by port')
  }
  if (view.name === 'macs')
    command.option('--history <mac>', 'what became of a MAC: every event of it, oldest first')
  command.action(async (options: Readonly<Record<string, string | true | undefined>>) => {
    const runtimeDir = runtimeDirFor(command, context)
    const query = Object.fromEntries(
      view.filters.map((filter) => [filter, options[filter] as string | undefined]),
    )
    const mac = options['history']
    if (typeof mac === 'string') {
      const events = await call<EventView[]>(runtimeDir, {
        path: '/v1/history',
        query: { mac, network: query['network'] ?? query['vni'] },
      })
      context.stdout.write(
        options['json'] === true
          ? formatJson(events, context)
          : formatEvents(events, painter(context)),
      )
      return
    }
    const byPort = options['ports'] === true
    const rows = await call<unknown>(runtimeDir, {
      path: byPort ? '/v1/ports' : `/v1/${view.name}`,
      query: byPort ? {} : query,
    })
    context.stdout.write(
      options['json'] === true
        ? formatJson(rows, context)
        : readable(view.name, rows, options, context),
    )
  })
}

function readable(
  name: ViewName,
  rows: unknown,
  options: Readonly<Record<string, unknown>>,
  context: CliContext,
): string {
  const paint = painter(context)
  if (options['ports'] === true) return formatTable(portDrops, rows as PortView[], paint)
  const shown =
    name === 'drops' && options['all'] !== true
      ? (rows as { readonly count: number }[]).filter(({ count }) => count > 0)
      : rows
  return (tables[name] as (rows: unknown, paint: Paint) => string)(shown, paint)
}
