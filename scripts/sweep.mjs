// Removes what labs of dead processes left behind: namespaces vt-<pid>-…, the processes in them, folders vt-<pid>-… with
// pid files. A lab cleans up after itself (test/lab/lab.ts); this is for the ones that got SIGKILL.

import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const labName = /^vt-(\d+)-\d+/

function alive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Gone already.
  }
}

function startOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}

const orphaned = (name) => {
  const owner = labName.exec(name)?.[1]
  return owner !== undefined && !alive(Number(owner))
}

function list(folder) {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** Processes of pid files ("pid start-time") whose start time still fits. */
function killRecorded(folder) {
  for (const path of list(folder).flatMap((node) =>
    list(join(folder, node)).map((file) => join(folder, node, file)),
  )) {
    if (!path.endsWith('.pid')) continue
    const [pid, start] = readFileSync(path, 'utf8').trim().split(' ')
    if (start !== undefined && startOf(pid) === start) kill(Number(pid))
  }
}

/** Answers what it found and removed. */
export function sweep() {
  const found = []
  for (const name of list(tmpdir()).filter(orphaned)) {
    const folder = join(tmpdir(), name)
    killRecorded(folder)
    rmSync(folder, { recursive: true, force: true })
    found.push(`folder ${folder}`)
  }
  for (const name of list('/run/netns').filter(orphaned)) {
    const pids = spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' }).stdout ?? ''
    for (const pid of pids.split('\n').filter(Boolean)) kill(Number(pid))
    spawnSync('ip', ['netns', 'del', name])
    found.push(`namespace ${name}`)
  }
  return found
}
