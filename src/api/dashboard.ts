// The dashboard at / for browsers. Its files are read once, at the start, into a fixed list: no path of a request ever reaches
// the file system.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FastifyInstance, FastifyReply } from 'fastify'

interface StaticFile {
  readonly type: string
  readonly octets: Buffer
}

/** Name without the folder → file. */
export interface DashboardFiles {
  readonly page: StaticFile
  readonly assets: ReadonlyMap<string, StaticFile>
}

/** Compiled files live in dist/src/api, Vite's in dist/ui. */
const builtFolder = fileURLToPath(new URL('../../ui/', import.meta.url))

const types: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
}

/** Undefined when it was not built: the API serves without it. */
export function readDashboard(folder = builtFolder): DashboardFiles | undefined {
  const page = join(folder, 'index.html')
  if (!existsSync(page)) return undefined
  const assets = readdirSync(join(folder, 'assets')).flatMap((name): [string, StaticFile][] => {
    const type = types[extname(name)]
    return type === undefined
      ? []
      : [[name, { type, octets: readFileSync(join(folder, 'assets', name)) }]]
  })
  return { page: { type: types['.html']!, octets: readFileSync(page) }, assets: new Map(assets) }
}

/**
 * Scripts, styles and connections of our own only, and nothing inline, so that no text of a stranger (a name in a route, say) can
 * become a program. WebAssembly is what the packet view runs.
 */
const policy = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ')

/** In front of every page for people. */
export function guardPage(reply: FastifyReply): FastifyReply {
  return reply.headers({
    'content-security-policy': policy,
    'cross-origin-opener-policy': 'same-origin',
  })
}

export const wantsHtml = (accept: string | undefined): boolean =>
  accept?.includes('text/html') === true

/** Assets have a hash in their name, so a browser may keep them for ever. */
export function addDashboard(app: FastifyInstance, { assets }: DashboardFiles): void {
  for (const [name, { type, octets }] of assets) {
    app.get(`/assets/${name}`, { config: { role: 'open' } }, (_request, reply) =>
      guardPage(reply)
        .header('cache-control', 'public, max-age=31536000, immutable')
        .type(type)
        .send(octets),
    )
  }
}

export function sendPage(reply: FastifyReply, { page }: DashboardFiles): FastifyReply {
  return guardPage(reply).header('cache-control', 'no-cache').type(page.type).send(page.octets)
}
