/** How often a test of chances is repeated: quick in `npm test`; `UPDATER_FAULTS` is `sampled` or `full` for more. */
export function rounds(quick, sampled, full) {
  const extent = process.env.UPDATER_FAULTS
  if (extent === undefined) return quick
  if (extent === 'sampled') return sampled
  if (extent === 'full') return full
  throw new Error(`UPDATER_FAULTS is \`sampled\` or \`full\`, not ${extent}`)
}

/** Always the same in `npm test`, so that it fails for everybody or nobody; `UPDATER_SEED` sets it. */
export const seed = () =>
  Number(process.env.UPDATER_SEED ?? (process.env.UPDATER_FAULTS ? Math.floor(Date.now() / 1000) : 1))

/** Pseudo-random numbers (mulberry32): the same for the same seed. */
export class Random {
  constructor(seed) {
    this.state = seed >>> 0
  }

  below(limit) {
    this.state = (this.state + 0x6d2b79f5) >>> 0
    let bits = Math.imul(this.state ^ (this.state >>> 15), this.state | 1)
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61)
    return ((bits ^ (bits >>> 14)) >>> 0) % limit
  }

  pick(from) {
    return from[this.below(from.length)]
  }

  /** True one time in so many. */
  once(in_) {
    return this.below(in_) === 0
  }
}
