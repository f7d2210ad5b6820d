import { HOLD, column, milliseconds, preciseMilliseconds, ratio } from '../column.mjs'
import { SMALL_MIB } from '../release.mjs'
import { interleaved } from '../rounds.mjs'
import { whyNot, withHold } from './job.mjs'

const CALLS = 200

export const check = {
  title: 'checkUpdate(): the first call of a process, and later ones',
  columns: [
    column('first: time', 'wall', milliseconds),
    column('first: CPU', 'cpu', milliseconds),
    HOLD,
    column('later: CPU', 'later', preciseMilliseconds),
    ratio('÷ fetch and json()', 'later', 'fetch'),
  ],
  notes: 'check',
  whyNot: whyNot('check'),
  run({ place, rounds, contenders }) {
    const there = { ...place(SMALL_MIB), calls: CALLS }
    return interleaved(rounds, contenders, (contender) => withHold(contender, 'checks', 'check', there))
  },
}
