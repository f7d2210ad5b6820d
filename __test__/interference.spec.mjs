import test from 'ava'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import { appImage } from './support/artifact.mjs'
import { runChild } from './support/child.mjs'
import { fixture, tempDir } from './support/fixture.mjs'
import { rounds, seed } from './support/rounds.mjs'

const ACTOR = fileURLToPath(new URL('./support/interference.mjs', import.meta.url))
/** The main thread of a process, and workers beside it. */
const ACTORS = 3
/** Of all actors together; a process that was ended early would hide what comes later. */
const RUNS_OF_PROCESS = 250
const SMALL = appImage('small', 20_000)

/** Writes down its arguments in one step. */
async function program(t) {
  const path = join(await tempDir(t), 'program')
  const report = `${path}.report`
  await writeFile(path, `#!/bin/sh\necho "$*" > '${path}.tmp' && mv '${path}.tmp' '${report}'\n`, {
    mode: 0o755,
  })
  return { path, report }
}

async function whenThere(path) {
  for (let tries = 0; tries < 300 && !existsSync(path); tries += 1) await sleep(50)
  return readFile(path, 'utf8')
}

// Elsewhere installing starts an installer.
const testHere = process.platform === 'linux' ? test.serial : test.skip

for (let done = 0; done < rounds(250, 3_000, 10_000); done += RUNS_OF_PROCESS) {
  const start = seed() + done
  testHere(
    `whatever JavaScript does to what it handed over, what was there at the call counts (${start})`,
    async (t) => {
      const fixtures = await Promise.all(Array.from({ length: ACTORS }, () => fixture(t)))
      for (const { publish } of fixtures) publish(SMALL)
      const { path, report } = await program(t)
      const input = fixtures.map(({ app, options }, index) => ({
        app,
        program: path,
        options,
        seed: start + index,
        runs: Math.ceil(RUNS_OF_PROCESS / ACTORS),
      }))
      const source = `
      import { act } from ${JSON.stringify(ACTOR)}
      await act(input)
    `
      const { code, signal, stdout, stderr } = await runChild(t, source, { input, args: ['--expose-gc'] })
      t.is(signal, null, stderr)
      t.is(code, 0, stderr)
      t.is(stdout.match(/done/g)?.length, ACTORS, stdout)
      t.notRegex(stderr, /panicked/)
      t.regex(await whenThere(report), /^(captured|rude rude)\n$/)
      for (const { server } of fixtures) {
        t.true(server.requests.length > 0)
        t.deepEqual(
          server.requests.filter(({ url, headers }) => url === '/late' || headers['x-run'] === 'late'),
          [],
        )
      }
    },
  )
}
