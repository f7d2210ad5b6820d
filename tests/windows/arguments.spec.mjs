import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'

import { LISTS, end, prepare, splitRecords } from './support.mjs'

before(prepare)
after(end)

test('Windows itself splits 100,000 command lines into the arguments that they were made of', () => {
  assert.equal(splitRecords(readFileSync(LISTS)), 100_000)
})
