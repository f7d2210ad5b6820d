// What encoders make is part of the format of deltas, and must not depend on the processor: this one was made on x86-64, of
// streams by zlib, libzstd 1.5.7 and liblzma. Where a library makes other bytes than before, make it anew.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import test from 'ava'

import { tempDir } from './support/fixture.mjs'

const CLI = join(import.meta.dirname, '../cli/node/updater-cli.js')
const fixture = (name) => join(import.meta.dirname, 'fixtures', name)
const NEW = '6da800b7cf5a2291cf65b4b1fe869dd4dc33c4e867ea41791da0a0356b6d3904'

test('a delta that was made on another processor makes the same bytes', async (t) => {
  const made = join(await tempDir(t), 'made')
  const files = [fixture('encoders.old'), fixture('encoders.delta'), made]
  execFileSync(process.execPath, [CLI, 'delta', 'apply', ...files])
  t.is(createHash('sha256').update(readFileSync(made)).digest('hex'), NEW)
})
