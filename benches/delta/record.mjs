// What was measured, kept between runs: all pairs take the better part of an hour.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { CACHE } from './package.mjs'

const FILE = join(CACHE, 'results.json')

/** The results of one program, by title. Those of another one, such as of yesterday's, are forgotten. */
export class Record {
  #program
  #results = {}

  constructor(program) {
    this.#program = createHash('sha256').update(readFileSync(program)).digest('hex')
    if (!existsSync(FILE)) return
    const { program: known, results } = JSON.parse(readFileSync(FILE, 'utf8'))
    if (known === this.#program) this.#results = results
  }

  /** Without a result: from now on there is none. */
  set(title, result) {
    this.#results[title] = result
    writeFileSync(FILE, JSON.stringify({ program: this.#program, results: this.#results }))
  }

  get(title) {
    return this.#results[title]
  }
}
