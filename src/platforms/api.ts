// The daemon as platforms know it: its API, by whatever client.

export interface Api {
  /** Rejects with an error of one sentence: what the daemon refused, or that there is none. */
  call<T>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<T>
}
