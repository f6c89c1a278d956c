// The keys, in a dialog of the browser's own: it keeps the focus and gives it back.

import { useEffect, useRef } from 'preact/hooks'
import { pages } from '../pages/index.js'

const others = [
  ['/', 'search'],
  ['?', 'this help'],
  ['↑ ↓', 'rows of a table'],
  ['Enter', 'details of a row'],
  ['Escape', 'close details'],
] as const

export function KeyHelp({
  open,
  onClose,
}: {
  readonly open: boolean
  readonly onClose: () => void
}) {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    if (open) dialog.current?.showModal()
    else dialog.current?.close()
  }, [open])
  return (
    <dialog ref={dialog} onClose={onClose} aria-labelledby="keys-title">
      <h2 id="keys-title">Keys</h2>
      <dl class="keys">
        {others.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
        {pages.map(({ key, title }) => (
          <div key={key}>
            <dt>
              <kbd>g</kbd> <kbd>{key}</kbd>
            </dt>
            <dd>{title}</dd>
          </div>
        ))}
      </dl>
      <form method="dialog">
        <button type="submit">Close</button>
      </form>
    </dialog>
  )
}
