// What was measured, kept between runs: all of it takes long.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** Results by title, kept in a file. They are forgotten once one of the sources, which are files, is another one. */
export class Record {
  #file
  #of
  #results = {}

  constructor(file, sources) {
    this.#file = file
    const hash = createHash('sha256')
    for (const source of sources) hash.update(readFileSync(source))
    this.#of = hash.digest('hex')
    if (!existsSync(file)) return
    const { of, results } = JSON.parse(readFileSync(file, 'utf8'))
    if (of === this.#of) this.#results = results
  }

  /** Without a result: from now on there is none. */
  set(title, result) {
    this.#results[title] = result
    mkdirSync(dirname(this.#file), { recursive: true })
    writeFileSync(this.#file, JSON.stringify({ of: this.#of, results: this.#results }))
  }

  get(title) {
    return this.#results[title]
  }
}
