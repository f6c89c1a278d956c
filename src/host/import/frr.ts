// Reads an frr.conf: every line comes into the model, or into the notes.

import { frrBlocks } from './frr-blocks.js'
import { readStatements, type Statement } from './frr-lines.js'
import { FrrModel } from './frr-model.js'

export function readFrr(text: string, file: string): FrrModel {
  const model = new FrrModel(file)
  for (const statement of readStatements(text)) read(model, statement)
  for (const { policies } of model.peers.values()) {
    for (const { map, statement } of policies) {
      const known = model.routeMaps.get(map)
      if (known?.acceptsAll === true)
        model.note('nothing', statement, 'the route-map lets everything pass')
      else model.note('lost', statement, POLICY)
    }
  }
  for (const { acceptsAll, statements } of model.routeMaps.values()) {
    for (const statement of statements) {
      if (acceptsAll) model.note('nothing', statement, 'the route-map lets everything pass')
      else model.note('lost', statement, POLICY)
    }
  }
  return model
}

const POLICY = 'policies are filterIn and filterOut, by route targets and prefixes'

function read(model: FrrModel, statement: Statement): void {
  const within = statement.blocks.join(' > ')
  const block = frrBlocks.find((one) => one.within.test(within))
  for (const { pattern, take, lost, nothing } of block?.rows ?? []) {
    const match = pattern.exec(statement.text)
    if (match === null) continue
    const why = take?.(model, match.slice(1), statement) ?? lost
    if (typeof why === 'string') model.note('lost', statement, why)
    else if (nothing !== undefined) model.note('nothing', statement, nothing)
    return
  }
  const where = within === '' ? '' : ` (in ${within})`
  model.note('lost', statement, `no counterpart is known${where}`)
}
