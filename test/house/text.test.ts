// Rules about the text of the house: READMEs, words that mark unfinished work, names, sizes, generated files.

import { spawnSync } from 'node:child_process'
import { basename, dirname, join } from 'node:path'
import { test } from 'tap'
import { files, linesWith, read, root } from './files.js'

const sources = (): string[] =>
  files('src/*', 'native/*', 'bench/*', 'test/*', 'scripts/*', 'bin/*').filter((path) =>
    /\.(?:tsx?|mjs|cpp|hpp|def|c|py|sh)$/.test(path),
  )

test('every folder says what lives in it', async (t) => {
  const folders = new Set(
    files('src/*/*', 'native/*/*', 'bench/*', 'test/lab/*').map((path) =>
      path
        .split('/')
        .slice(0, path.startsWith('bench') ? 1 : 2)
        .join('/'),
    ),
  )
  t.ok(folders.size > 5)
  const readmes = new Set(files('*README.md').map((path) => dirname(path)))
  // The rooms of native are described together in native/README.md.
  const silent = [...folders].filter(
    (folder) => !readmes.has(folder) && !(folder.startsWith('native/') && readmes.has('native')),
  )
  t.same(silent, [])
})

test('no words of unfinished work', async (t) => {
  const words = [
    'TO' + 'DO',
    'FIX' + 'ME',
    'XX' + 'X',
    'HA' + 'CK',
    'not imple' + 'mented',
    // But the attribute of a field is a word of HTML.
    'place' + 'holder(?!=)',
  ]
  const pattern = new RegExp(`\\b(?:${words.join('|')})\\b`)
  t.same(linesWith(pattern, sources()), [])
})

test('no test that says nothing', async (t) => {
  // A skip needs a reason that is computed or written out; "only" and "todo" are for the desk.
  const pattern = /\bskip: true\b|\.(?:skip|only|todo)\(|\bonly: true\b|\btodo: /
  t.same(linesWith(pattern, files('test/*.test.ts')), [])
})

test('file names follow the language', async (t) => {
  const wrong = sources().filter((path) => {
    const name = basename(path)
      .replace(/\.(?:test|bench|gen)\./, '.')
      .replace(/\.[^.]+$/, '')
    return path.startsWith('native/') && !path.startsWith('native/layout/')
      ? !/^[a-z0-9_]+$/.test(name)
      : !/^[a-z0-9-]+(?:\.d)?$/.test(name)
  })
  t.same(wrong, [])
})

// 400 lines is where to look again, a matter of taste; this is where taste ends.
test('a file reads in one sitting', async (t) => {
  const long = sources().filter(
    (path) => !path.includes('.gen.') && read(path).trimEnd().split('\n').length > 600,
  )
  // Tables of assigned numbers may be longer; today none is.
  t.same(long, [])
})

test('generated files are fresh', async (t) => {
  const generated = files('*.gen.ts', '*.gen.hpp')
  t.ok(generated.length >= 3, generated.join(', '))
  for (const folder of ['layout', 'fastpath']) {
    const generator = join(root, `dist/native/${folder}/generate.js`)
    const result = spawnSync(process.execPath, [generator, '--check'], {
      cwd: root,
      encoding: 'utf8',
    })
    t.equal(result.status, 0, `npm run generate: ${result.stderr}${result.stdout}`)
  }
})
