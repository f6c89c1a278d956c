// Compiles programs.c with clang and writes programs.gen.hpp: the instructions, and which of them name a map. The file is
// committed, so that nothing but a C++ compiler is needed to build the addon. `--check` compiles nothing: it fails when
// the sources are not those that the committed file was made from.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folder = 'native/fastpath'
const sources = ['programs.c', 'frame.h', 'bpf.h', 'maps.h'].map((name) => join(folder, name))
const product = join(folder, 'programs.gen.hpp')
const instructionBytes = 8

interface Section {
  readonly name: string
  readonly type: number
  readonly info: number
  readonly link: number
  readonly bytes: Buffer
}

const sectionType = { symbols: 2, relocations: 9 }

/** The sections of a 64-bit little-endian object file (ELF-64, "Section header"). */
function readSections(file: Buffer): Section[] {
  const place = Number(file.readBigUInt64LE(40))
  const [size, count, names] = [58, 60, 62].map((at) => file.readUInt16LE(at)) as [
    number,
    number,
    number,
  ]
  const raw = Array.from({ length: count }, (_, i) => {
    const at = place + i * size
    const [start, length] = [24, 32].map((offset) => Number(file.readBigUInt64LE(at + offset)))
    const type = file.readUInt32LE(at + 4)
    return {
      nameAt: file.readUInt32LE(at),
      type,
      link: file.readUInt32LE(at + 40),
      info: file.readUInt32LE(at + 44),
      bytes: file.subarray(start!, start! + length!),
    }
  })
  return raw.map(({ nameAt, ...rest }) => ({ ...rest, name: text(raw[names]!.bytes, nameAt) }))
}

const text = (bytes: Buffer, at: number): string =>
  bytes.toString('latin1', at, bytes.indexOf(0, at))

interface Program {
  readonly name: string
  readonly instructions: readonly bigint[]
  /** Instruction and name of the map whose descriptor belongs there. */
  readonly maps: readonly { readonly at: number; readonly map: string }[]
}

/** Sections named "<where>/<name>" are programs. */
function readPrograms(file: Buffer): Program[] {
  const sections = readSections(file)
  const symbols = sections.find(({ type }) => type === sectionType.symbols)!
  const names = sections[symbols.link]!.bytes
  const symbolName = (index: number): string => text(names, symbols.bytes.readUInt32LE(index * 24))
  return sections.flatMap(({ name, bytes }, index) => {
    if (!/^(?:socket|tcx)\//.test(name)) return []
    const relocations = sections.filter(
      ({ type, info }) => type === sectionType.relocations && info === index,
    )
    const maps = relocations.flatMap((section) =>
      Array.from({ length: section.bytes.length / 16 }, (_, i) => ({
        at: Number(section.bytes.readBigUInt64LE(i * 16)) / instructionBytes,
        map: symbolName(section.bytes.readUInt32LE(i * 16 + 12)),
      })),
    )
    const instructions = Array.from({ length: bytes.length / instructionBytes }, (_, i) =>
      bytes.readBigUInt64LE(i * instructionBytes),
    )
    return [{ name: name.split('/')[1]!, instructions, maps }]
  })
}

function compile(): Program[] {
  const directory = mkdtempSync(join(tmpdir(), 'vtep-bpf-'))
  const object = join(directory, 'programs.o')
  try {
    const flags = ['-O2', '-target', 'bpf', '-mcpu=v3', '-ffreestanding', '-Wall', '-Wextra']
    const machine = spawnSync('gcc', ['-dumpmachine'], { encoding: 'utf8' }).stdout.trim()
    const argv = [...flags, '-Werror', `-I/usr/include/${machine}`, '-c', sources[0]!, '-o', object]
    const { status, stderr, error } = spawnSync('clang', argv, { encoding: 'utf8' })
    if (status !== 0) throw new Error(`clang: ${error?.message ?? stderr}`)
    return readPrograms(readFileSync(object))
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

const sourceHash = (): string =>
  sources
    .reduce((hash, file) => hash.update(readFileSync(file)), createHash('sha256'))
    .digest('hex')
    .slice(0, 16)

/** fast_macs -> kFastMacs. */
const mapConstant = (map: string): string =>
  `k${map.replaceAll(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase())}`

function generated(programs: readonly Program[]): string {
  const blocks = programs.map(({ name, instructions, maps }) => {
    const words = instructions.map((word) => `0x${word.toString(16)}`)
    const lines = Array.from({ length: Math.ceil(words.length / 5) }, (_, i) =>
      words.slice(i * 5, i * 5 + 5).join(', '),
    )
    const uses = maps.map(({ at, map }) => `{${at}, ${mapConstant(map)}}`).join(', ')
    return [
      `inline constexpr uint64_t ${name}_code[] = {`,
      ...lines.map((line) => `    ${line},`),
      '};',
      ...(maps.length === 0 ? [] : [`inline constexpr FastMapUse ${name}_maps[] = {${uses}};`]),
      `inline constexpr FastProgram ${name} = {${name}_code, ${maps.length === 0 ? '{}' : `${name}_maps`}};`,
    ].join('\n')
  })
  return `// Generated by native/fastpath/generate.ts from programs.c and the headers it includes. Do not edit.
// Sources: ${sourceHash()}
#pragma once
#include <span>

#include "maps.h"

namespace vtep {

// An instruction that names a map.
struct FastMapUse {
  uint32_t instruction;
  FastMap map;
};

struct FastProgram {
  std::span<const uint64_t> code;
  std::span<const FastMapUse> maps;
};

${blocks.join('\n\n')}

}  // namespace vtep
`
}

function main(check: boolean): number {
  if (!check) {
    writeFileSync(product, generated(compile()))
    return 0
  }
  if (readFileSync(product, 'utf8').includes(`// Sources: ${sourceHash()}\n`)) return 0
  console.error(`${product}: differs from ${sources.join(' and ')}; run: npm run generate`)
  return 1
}

process.exitCode = main(process.argv.includes('--check'))
