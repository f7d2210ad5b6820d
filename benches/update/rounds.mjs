// Contender after contender, and then again: what else the machine does hits all of them.
import { medians } from './meter.mjs'

export const mapped = (object, change) =>
  Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value)]))

/** The medians by id, of as many runs of each. */
export async function interleaved(rounds, contenders, run) {
  const results = Object.fromEntries(contenders.map(({ id }) => [id, []]))
  for (let round = 0; round < rounds; round++)
    for (const contender of contenders) results[contender.id].push(await run(contender))
  return mapped(results, medians)
}
