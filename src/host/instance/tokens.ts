// The tokens by which callers over TCP say who they are. A file in the state directory holds their digests, never themselves:
// a token is 256 random bits, so one round of SHA-256 can not be undone by guessing.

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { chownSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { HostFailure, reasonOf } from './failure.js'

export interface StoredToken {
  readonly name: string
  readonly role: 'read' | 'operator'
  /** Hexadecimal. */
  readonly sha256: string
  /** RFC 3339. */
  readonly created: string
}

const PREFIX = 'vtep_'
const NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$/

/** Words after "expected". */
export const TOKEN_NAME =
  'a name of 1 to 63 letters, digits and . _ @ - that starts with a letter or digit'

/** Reads again what another process has changed. */
export class TokenFile {
  readonly path: string
  #seen = ''
  #tokens: readonly StoredToken[] = []

  constructor(stateDir: string) {
    this.path = join(stateDir, 'tokens.json')
  }

  /** Throws HostFailure for a file that is not ours. */
  all(): readonly StoredToken[] {
    const now = this.#version()
    if (now === this.#seen) return this.#tokens
    // What can not be read allows nothing.
    this.#tokens = []
    this.#seen = ''
    if (now !== '') this.#tokens = this.#read()
    this.#seen = now
    return this.#tokens
  }

  /** The only time that the token itself is known. Throws HostFailure. */
  create(name: string, role: StoredToken['role']): string {
    if (!NAME.test(name))
      throw new HostFailure(`token: expected ${TOKEN_NAME}, got ${JSON.stringify(name)}`)
    const tokens = this.all()
    if (tokens.some((one) => one.name === name))
      throw new HostFailure(
        `token: expected a name that is not there yet, got ${JSON.stringify(name)}`,
      )
    const token = PREFIX + randomBytes(32).toString('base64url')
    const sha256 = digest(token).toString('hex')
    this.#write([...tokens, { name, role, sha256, created: new Date().toISOString() }])
    return token
  }

  /** Throws HostFailure, also when there is none of the name. */
  revoke(name: string): void {
    const tokens = this.all()
    const left = tokens.filter((one) => one.name !== name)
    if (left.length === tokens.length) {
      const known = tokens.map((one) => one.name).join(', ')
      const expected = known === '' ? 'a known token, but there is none' : `one of ${known}`
      throw new HostFailure(`token: expected ${expected}, got ${JSON.stringify(name)}`)
    }
    this.#write(left)
  }

  /** Whose token it is. Takes as long for a wrong one as for a right one. */
  find(token: string): StoredToken | undefined {
    const given = digest(token)
    let found: StoredToken | undefined
    for (const one of this.all())
      if (timingSafeEqual(given, Buffer.from(one.sha256, 'hex'))) found = one
    return found
  }

  /** Empty while there is no file. */
  #version(): string {
    try {
      const { ino, size, mtimeNs } = statSync(this.path, { bigint: true })
      return `${ino} ${size} ${mtimeNs}`
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
      throw new HostFailure(`${this.path}: ${reasonOf(error)}`)
    }
  }

  #read(): StoredToken[] {
    let json: unknown
    try {
      json = JSON.parse(readFileSync(this.path, 'utf8'))
    } catch (error) {
      throw new HostFailure(`${this.path}: expected a list of tokens, got ${reasonOf(error)}`)
    }
    if (!Array.isArray(json) || !json.every(isToken))
      throw new HostFailure(
        `${this.path}: expected a list of { name, role, sha256, created }, got something else`,
      )
    return json
  }

  /** Whole or not at all, for the owner of the directory: root makes tokens for a daemon that is not root. */
  #write(tokens: readonly StoredToken[]): void {
    const draft = `${this.path}.${process.pid}.new`
    const directory = dirname(this.path)
    try {
      mkdirSync(directory, { recursive: true, mode: 0o755 })
      writeFileSync(draft, `${JSON.stringify(tokens, null, 2)}\n`, { mode: 0o600, flush: true })
      const { uid, gid } = statSync(directory)
      if (uid !== process.getuid?.()) chownSync(draft, uid, gid)
      renameSync(draft, this.path)
    } catch (error) {
      throw new HostFailure(`${this.path}: can not be written (${reasonOf(error)})`)
    }
  }
}

const digest = (token: string): Buffer => createHash('sha256').update(token).digest()

function isToken(value: unknown): value is StoredToken {
  const { name, role, sha256, created } = (value ?? {}) as Record<string, unknown>
  return (
    typeof name === 'string' &&
    (role === 'read' || role === 'operator') &&
    typeof sha256 === 'string' &&
    /^[0-9a-f]{64}$/.test(sha256) &&
    typeof created === 'string'
  )
}
