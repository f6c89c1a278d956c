// The form that turns a token into a session.

import { useState } from 'preact/hooks'
import { ApiError } from './api.js'
import { openSession } from './live.js'

export function Login() {
  const [token, setToken] = useState('')
  const [problem, setProblem] = useState('')
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault()
    try {
      await openSession(token.trim())
    } catch (error) {
      setProblem(
        error instanceof ApiError && error.status !== 401
          ? error.message
          : 'The daemon does not know this token.',
      )
    }
  }
  return (
    <>
      <h1>Log in</h1>
      <p>
        This daemon wants a token. An operator makes one with <code>vtep token create</code>.
      </p>
      <form class="line" onSubmit={submit}>
        <label>
          Token
          <input
            type="password"
            name="token"
            autocomplete="current-password"
            required
            value={token}
            onInput={(event) => setToken(event.currentTarget.value)}
          />
        </label>
        <button type="submit">Log in</button>
      </form>
      {problem === '' ? null : (
        <p class="banner bad" role="alert">
          {problem}
        </p>
      )}
    </>
  )
}
