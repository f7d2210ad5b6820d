import test from 'ava'
import { fileURLToPath } from 'node:url'

import { appImage } from './support/artifact.mjs'
import { runChild } from './support/child.mjs'
import { fixture } from './support/fixture.mjs'
import { rounds, seed } from './support/rounds.mjs'

const ACTOR = fileURLToPath(new URL('./support/interference.mjs', import.meta.url))
/** The main thread of a process, and workers beside it. */
const ACTORS = 3
/** Of all actors together; a process that was ended early would hide what comes later. */
const RUNS_OF_PROCESS = 250
const SMALL = appImage('small', 20_000)

// Elsewhere installing starts an installer.
const testHere = process.platform === 'linux' ? test.serial : test.skip

for (let done = 0; done < rounds(250, 3_000, 10_000); done += RUNS_OF_PROCESS) {
  const start = seed() + done
  testHere(
    `whatever JavaScript does to what it handed over, what was there at the call counts (${start})`,
    async (t) => {
      const fixtures = await Promise.all(Array.from({ length: ACTORS }, () => fixture(t)))
      for (const { publish } of fixtures) publish(SMALL)
      const input = fixtures.map(({ app, options }, index) => ({
        app,
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
