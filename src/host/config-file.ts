// The configuration file of an instance.

import { readFileSync } from 'node:fs'
import { type LoadedConfig, loadConfig } from './config/index.js'
import type { Config } from './config/schema.js'
import { HostFailure, reasonOf } from './instance/index.js'
import { requiredPortKinds } from './kinds.js'

/** Throws HostFailure when it cannot be read; what is wrong inside is in the answer. */
export function readConfigFile(path: string): LoadedConfig {
  return loadConfig(readText(path), path, requiredPortKinds())
}

/** Throws HostFailure with a sentence for each problem. */
export function configOfFile(path: string): Config {
  const loaded = readConfigFile(path)
  if ('problems' in loaded) throw new HostFailure(...loaded.problems.map(({ text }) => text))
  return loaded.config
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new HostFailure(`configuration ${path}: ${reasonOf(error)}`)
  }
}
