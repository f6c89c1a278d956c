// The daemon's HTTP API. Paths are relative: the dashboard may stand behind a proxy, under any path.

/** What the daemon answered instead of what was asked for. */
export class ApiError extends Error {
  /** HTTP status; 0 = the daemon could not be reached. */
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.name = 'ApiError'
    this.status = status
  }
}

const TIMEOUT_MILLISECONDS = 30_000

export interface Asked {
  readonly method?: 'GET' | 'POST' | 'DELETE'
  readonly body?: object
  readonly signal?: AbortSignal
}

/** The answer's text. Throws ApiError. */
export async function ask(path: string, asked: Asked = {}): Promise<string> {
  const response = await request(path, asked)
  try {
    return await response.text()
  } catch {
    throw new ApiError(0, 'the daemon did not answer to the end')
  }
}

/** The answer's octets. Throws ApiError. */
export async function askOctets(path: string): Promise<Uint8Array> {
  const response = await request(path, {})
  return new Uint8Array(await response.arrayBuffer())
}

/** The answer as JSON. Throws ApiError. */
export async function askJson<T>(path: string, asked: Asked = {}): Promise<T> {
  return JSON.parse(await ask(path, asked)) as T
}

async function request(path: string, { method = 'GET', body, signal }: Asked): Promise<Response> {
  let response: Response
  try {
    response = await fetch(path, {
      method,
      headers: {
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      credentials: 'same-origin',
      cache: 'no-store',
      signal: signal ?? AbortSignal.timeout(TIMEOUT_MILLISECONDS),
    })
  } catch {
    throw new ApiError(0, 'the daemon can not be reached')
  }
  if (response.ok) return response
  throw new ApiError(response.status, await sentence(response))
}

async function sentence(response: Response): Promise<string> {
  try {
    const { error } = (await response.json()) as { readonly error?: string }
    if (typeof error === 'string') return error
  } catch {
    // Not ours: a proxy's page, say.
  }
  return `HTTP ${response.status} ${response.statusText}`.trim()
}

export const enc = encodeURIComponent
