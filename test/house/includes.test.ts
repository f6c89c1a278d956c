// The C++ include table of CONTRIBUTING.md. TypeScript's is checked by dependency-cruiser (layers.test.ts).

import { dirname, normalize } from 'node:path'
import { test } from 'tap'
import { files, read } from './files.js'

interface Rule {
  /** Folders of native/ besides its own. */
  readonly folders: readonly string[]
  readonly system: (header: string) => boolean
}

const freestanding = ['stdint.h', 'stddef.h']
const node = ['napi.h', 'node_api.h', 'uv.h', 'node.h', 'v8.h']
const notNode = (header: string): boolean => !node.includes(header)

const table: Readonly<Record<string, Rule>> = {
  core: { folders: [], system: (header) => freestanding.includes(header) },
  wasm: {
    folders: ['core'],
    system: (header) => [...freestanding, 'wasm_simd128.h'].includes(header),
  },
  port: { folders: ['core'], system: notNode },
  client: { folders: ['port'], system: notNode },
  fastpath: { folders: ['core', 'port'], system: notNode },
  worker: { folders: ['core', 'port', 'fastpath'], system: notNode },
  fuzz: { folders: ['core', 'port', 'client', 'fastpath', 'worker'], system: notNode },
  node: { folders: ['core', 'port', 'fastpath', 'worker'], system: () => true },
}

/** Includes that the table does not allow, as "folder/file includes x". */
function violations(path: string, text: string): string[] {
  const folder = path.split('/')[1]!
  const rule = table[folder]
  if (rule === undefined) return [`${path}: no rule for folder ${folder}`]
  const out: string[] = []
  for (const [, quote, header] of text.matchAll(/^\s*#\s*include\s*([<"])([^>"]+)[>"]/gm)) {
    const target = normalize(`${dirname(path)}/${header}`).split('/')
    const allowed =
      quote === '<'
        ? rule.system(header!)
        : target[0] === 'native' && [folder, ...rule.folders].includes(target[1]!)
    if (!allowed) out.push(`${path} includes ${header}`)
  }
  return out
}

test('every include is one that its folder may have', async (t) => {
  const sources = files('native/*.cpp', 'native/*.hpp', 'native/*.h', 'native/*.c', 'native/*.def')
  t.ok(sources.length > 10, 'there are sources')
  t.same(
    sources.flatMap((path) => violations(path, read(path))),
    [],
  )
})

test('the table sees what is wrong', async (t) => {
  const planted: readonly [string, string][] = [
    ['native/core/a.hpp', '#include <vector>'],
    ['native/core/a.hpp', '#include "../port/port.hpp"'],
    ['native/port/a.cpp', '  #  include "../worker/client.hpp"'],
    ['native/worker/a.cpp', '#include <napi.h>'],
    ['native/wasm/a.cpp', '#include <stdlib.h>'],
    ['native/core/a.hpp', '#include "../../build/x.hpp"'],
    ['native/elsewhere/a.hpp', ''],
  ]
  for (const [path, text] of planted) t.equal(violations(path, text).length, 1, `${path}: ${text}`)
  const fine = '#include <stdint.h>\n#include "frame.hpp"\n#include "sub/x.hpp"'
  t.same(violations('native/core/a.hpp', fine), [])
})
