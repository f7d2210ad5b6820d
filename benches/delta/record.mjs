// What was measured, kept between runs: all pairs take the better part of an hour.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { CACHE } from './package.mjs'

const FILE = join(CACHE, 'results.json')

const RECIPES = ['pair.mjs', 'packing.mjs'].map((name) => join(import.meta.dirname, name))

/** The results of one program with one list of pairs, by title. Once either is another one, they are forgotten. */
export class Record {
  #of
  #results = {}

  constructor(program) {
    const hash = createHash('sha256')
    for (const file of [program, ...RECIPES]) hash.update(readFileSync(file))
    this.#of = hash.digest('hex')
    if (!existsSync(FILE)) return
    const { of, results } = JSON.parse(readFileSync(FILE, 'utf8'))
    if (of === this.#of) this.#results = results
  }

  /** Without a result: from now on there is none. */
  set(title, result) {
    this.#results[title] = result
    mkdirSync(CACHE, { recursive: true })
    writeFileSync(FILE, JSON.stringify({ of: this.#of, results: this.#results }))
  }

  get(title) {
    return this.#results[title]
  }
}
