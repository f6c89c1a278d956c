// The runtime directory: where an instance's sockets live, and the lock that keeps two instances apart.

import {
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { HostFailure, reasonOf } from './failure.js'
import { runtimePaths } from './paths.js'

/** The kernel's limit on the path of a unix socket (sun_path), without the final zero. */
const SOCKET_PATH_BYTES = 107

/** Creates the directory, or checks the one that is there. Throws HostFailure. */
export function prepareRuntimeDir(directory: string): void {
  const paths = runtimePaths(directory)
  const longest = Math.max(
    ...[paths.api, paths.apiRead, paths.control].map((path) => Buffer.byteLength(path)),
  )
  if (longest > SOCKET_PATH_BYTES) {
    throw new HostFailure(
      `runtime directory ${directory}: expected a path that leaves sockets at ${SOCKET_PATH_BYTES} bytes, got ${longest}`,
    )
  }
  try {
    // Others may come in: the sockets inside have permissions of their own.
    mkdirSync(directory, { recursive: true, mode: 0o755 })
  } catch (error) {
    throw new HostFailure(
      `runtime directory ${directory}: can not be created (${reasonOf(error)}); run as root, or name another one with --runtime-dir or VTEP_RUNTIME_DIR`,
    )
  }
  const { mode, uid } = statSync(directory)
  const own = process.getuid?.() ?? 0
  if (uid !== own && own !== 0) {
    throw new HostFailure(
      `runtime directory ${directory}: expected to be owned by user ${own}, got ${uid}; name another one with --runtime-dir or VTEP_RUNTIME_DIR`,
    )
  }
  if ((mode & 0o002) !== 0 && (mode & 0o1000) === 0) {
    throw new HostFailure(
      `runtime directory ${directory}: expected that not everybody can write, got mode ${(mode & 0o7777).toString(8)}`,
    )
  }
}

/**
 * Takes the controller's lock. Answers how to give it back. Throws HostFailure when a living process holds it.
 * A lock is the process id and its start time, so a reused id does not look like its owner.
 */
export function lockRuntimeDir(directory: string): () => void {
  const path = runtimePaths(directory).lock
  const own = `${process.pid} ${startTime(process.pid)}\n`
  const mine = `${path}.${process.pid}`
  try {
    writeFileSync(mine, own, { mode: 0o644 })
  } catch (error) {
    throw new HostFailure(
      `runtime directory ${directory}: not writable (${reasonOf(error)}); run as root, or name another one with --runtime-dir or VTEP_RUNTIME_DIR`,
    )
  }
  try {
    while (!tryLink(mine, path)) takeOver(directory, path)
  } finally {
    unlinkSync(mine)
  }
  return () => {
    if (readOr(path) === own) unlinkSync(path)
  }
}

/** Removes a dead owner's lock, or throws HostFailure for a living one's. */
function takeOver(directory: string, path: string): void {
  const found = readOr(path)
  if (found === undefined) return
  const [pid, started] = found.trim().split(' ')
  if (started !== undefined && startTime(Number(pid)) === started) {
    throw new HostFailure(
      `another vtep (process ${pid}) runs on ${resolve(directory)}: stop it, or name another directory with --runtime-dir or VTEP_RUNTIME_DIR`,
    )
  }
  // Of two that find the same dead lock, one moves it away; the other would move the winner's, and puts it back.
  const aside = join(`${path}.${process.pid}.old`)
  try {
    renameSync(path, aside)
  } catch {
    return
  }
  if (readOr(aside) !== found) tryLink(aside, path)
  unlinkSync(aside)
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw new HostFailure(`lock ${to}: ${reasonOf(error)}`)
  }
}

function readOr(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** Start of a process in clock ticks since boot (proc(5), stat field 22); undefined when there is no such process. */
function startTime(pid: number): string | undefined {
  const stat = readOr(`/proc/${pid}/stat`)
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
}
