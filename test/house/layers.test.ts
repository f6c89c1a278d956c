// dependency-cruiser holds the import table; this proves that it still sees a violation of each kind.

import { spawnSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'tap'
import { files, linesWith, root } from './files.js'

const planted: Readonly<Record<string, string>> = {
  'src/net/index.ts': 'export const one = 1\n',
  'src/net/inner.ts': "import { one } from './index.js'\nexport const two = one + 1\n",
  'src/net/up.ts': "import { fine } from '../wire/index.js'\nexport const up = fine\n",
  'src/wire/index.ts': "import { one } from '../net/index.js'\nexport const fine = one\n",
  'src/wire/reads.ts':
    "import { readFileSync } from 'node:fs'\nexport const reads = readFileSync\n",
  'src/wire/side-door.ts': "import { two } from '../net/inner.js'\nexport const three = two + 1\n",
  'src/wire/package.ts': "import { parse } from 'yaml'\nexport const p = parse\n",
  'src/bgp/index.ts':
    "import { other } from '../evpn/index.js'\nexport interface Fsm { readonly x: number }\nexport const fsm = other\n",
  'src/evpn/index.ts': "import { one } from '../net/index.js'\nexport const other = one\n",
  'src/io/index.ts': "import { fsm } from '../bgp/index.js'\nexport const io = fsm\n",
  'src/io/fine.ts':
    "import type { Fsm } from '../bgp/index.js'\nimport { one } from '../net/index.js'\nexport const f: Fsm = { x: one }\n",
  'src/host/a.ts': "import { b } from './b.js'\nexport const a = (): number => b()\n",
  'src/host/b.ts': "import { a } from './a.js'\nexport const b = (): number => a()\n",
  'src/cli/lonely.ts': 'export const lonely = 1\n',
}

const expected = [
  'front-door src/wire/side-door.ts src/net/inner.ts',
  'layer-bgp src/bgp/index.ts src/evpn/index.ts',
  'layer-net src/net/up.ts src/wire/index.ts',
  'no-cycles src/host/a.ts src/host/b.ts',
  'no-orphans src/cli/lonely.ts src/cli/lonely.ts',
  'pure src/wire/package.ts yaml/dist/index.d.ts',
  'pure src/wire/reads.ts fs',
  'types-only src/io/index.ts src/bgp/index.ts',
]

test('the import table sees what is wrong, and only that', async (t) => {
  const folder = t.testdir({})
  for (const [path, text] of Object.entries(planted)) {
    mkdirSync(join(folder, dirname(path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  for (const path of ['node_modules', 'package.json', 'tsconfig.json', '.dependency-cruiser.cjs']) {
    symlinkSync(join(root, path), join(folder, path))
  }
  const cruise = spawnSync('node_modules/.bin/depcruise', ['--output-type', 'json', 'src'], {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  interface Report {
    summary: { violations: { rule: { name: string }; from: string; to: string }[] }
  }
  const report = JSON.parse(cruise.stdout) as Report
  const seen = report.summary.violations.map(
    ({ rule, from, to }) => `${rule.name} ${from} ${to.replace(/^.*node_modules\//, '')}`,
  )
  // A cycle is reported from each of its files.
  t.same(
    [...new Set(seen)].filter((line) => !line.startsWith('no-cycles src/host/b.ts')).sort(),
    expected,
  )
})

// An ES module loads an addon through createRequire, which dependency-cruiser does not follow.
test('only io/native.ts loads the addon', async (t) => {
  const found = linesWith(/createRequire|\.node['"`]|process\.dlopen/, files('src/*.ts', 'bin/*'))
  t.ok(found.length > 0, 'somebody loads it')
  t.same(
    found.filter((line) => !line.startsWith('src/io/native.ts:')),
    [],
  )
})
