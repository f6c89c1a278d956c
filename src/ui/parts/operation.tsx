// A button that changes something: shown to operators only, and asks before it does.

import { useState } from 'preact/hooks'
import { ApiError, ask } from '../api.js'

export interface OperationProps {
  readonly path: string
  readonly body?: object
  readonly title: string
}

export function Operation({ path, body = {}, title }: OperationProps) {
  const [stage, setStage] = useState<'ready' | 'sure' | 'busy' | 'done'>('ready')
  const [problem, setProblem] = useState('')
  const run = async (): Promise<void> => {
    setStage('busy')
    try {
      await ask(path, { method: 'POST', body })
      setStage('done')
    } catch (error) {
      setProblem(error instanceof ApiError ? error.message : String(error))
      setStage('ready')
    }
  }
  return (
    <p class="operation">
      {stage === 'sure' ? (
        <>
          <button type="button" class="danger" onClick={run}>
            {title}, really
          </button>{' '}
          <button type="button" class="quiet" onClick={() => setStage('ready')}>
            Cancel
          </button>
        </>
      ) : (
        <button type="button" disabled={stage === 'busy'} onClick={() => setStage('sure')}>
          {title}
        </button>
      )}
      <output>{stage === 'done' ? ' done' : problem}</output>
    </p>
  )
}
