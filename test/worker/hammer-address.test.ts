import t from 'tap'
import { hammer, hammerMissing } from './hammer.js'

// Compiling takes a minute where nothing is up to date, and more on a busy machine.
t.setTimeout(590_000)
t.test('address sanitizer', { skip: hammerMissing, timeout: 590_000 }, async (t) =>
  hammer(t, 'address'),
)
