// Sessions of browsers: a cookie that says which token was shown, until when, and that we have said so. Nothing is kept for
// a session, so it outlives a restart; it ends with its token. The token itself is in no cookie: cookies go to every port
// of an address.

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { HostFailure, reasonOf, type StoredToken, type TokenFile } from '../../host/index.js'

export const COOKIE = 'vtep_session'
const LIFETIME_SECONDS = 12 * 3600
const KEY_BYTES = 32

export class Sessions {
  readonly #key: Buffer
  readonly #tokens: TokenFile
  readonly #now: () => number

  /** The key is in a file of the runtime directory: for us alone, and gone with a reboot. Throws HostFailure. */
  constructor(keyFile: string, tokens: TokenFile, now: () => number) {
    this.#key = keyIn(keyFile)
    this.#tokens = tokens
    this.#now = now
  }

  /** Value of Set-Cookie. */
  open(token: StoredToken, isSecure: boolean): string {
    const end = Math.floor(this.#now() / 1000) + LIFETIME_SECONDS
    const name = Buffer.from(token.name).toString('base64url')
    const value = `${name}.${end}.${this.#sign(token, end).toString('base64url')}`
    return setCookie(value, LIFETIME_SECONDS, isSecure)
  }

  /** Value of Set-Cookie that ends it. */
  close(isSecure: boolean): string {
    return setCookie('', 0, isSecure)
  }

  /** Whose session the request's cookies hold, if they hold a good one. */
  find(cookies: string | undefined): StoredToken | undefined {
    const [name, end, signature] = valueIn(cookies)?.split('.') ?? []
    if (name === undefined || signature === undefined || !/^\d{1,12}$/.test(end ?? '')) return
    if (Number(end) * 1000 < this.#now()) return
    const given = Buffer.from(signature, 'base64url')
    const wanted = Buffer.from(name, 'base64url').toString()
    const token = this.#tokens.all().find((one) => one.name === wanted)
    if (token === undefined) return
    const right = this.#sign(token, Number(end))
    return given.length === right.length && timingSafeEqual(given, right) ? token : undefined
  }

  #sign({ name, role, sha256 }: StoredToken, end: number): Buffer {
    return createHmac('sha256', this.#key)
      .update(JSON.stringify([name, role, sha256, end]))
      .digest()
  }
}

function setCookie(value: string, seconds: number, isSecure: boolean): string {
  const secure = isSecure ? '; Secure' : ''
  return `${COOKIE}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Strict${secure}`
}

function valueIn(cookies: string | undefined): string | undefined {
  for (const part of cookies?.split(';') ?? []) {
    const at = part.indexOf('=')
    if (part.slice(0, at).trim() === COOKIE) return part.slice(at + 1).trim()
  }
  return undefined
}

function keyIn(file: string): Buffer {
  try {
    const key = readFileSync(file)
    if (key.length === KEY_BYTES) return key
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      throw new HostFailure(`${file}: ${reasonOf(error)}`)
  }
  const key = randomBytes(KEY_BYTES)
  try {
    writeFileSync(file, key, { mode: 0o600 })
  } catch (error) {
    throw new HostFailure(`${file}: can not be written (${reasonOf(error)})`)
  }
  return key
}
