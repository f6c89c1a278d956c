// A choice that is kept in the URL.

import { setQuery, usePlace } from '../router.js'

export function FilterSelect({
  name,
  title,
  values,
}: {
  readonly name: string
  readonly title: string
  readonly values: readonly string[]
}) {
  const { query } = usePlace()
  const value = query[name] ?? ''
  // What is chosen stays to be seen, even when it is gone.
  const all = value === '' || values.includes(value) ? values : [value, ...values]
  return (
    <label class="choice">
      {title}
      <select
        name={name}
        value={value}
        onChange={(event) => setQuery({ [name]: event.currentTarget.value })}
      >
        <option value="">all</option>
        {all.map((one) => (
          <option key={one} value={one}>
            {one}
          </option>
        ))}
      </select>
    </label>
  )
}
