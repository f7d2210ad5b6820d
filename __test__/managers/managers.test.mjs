// The package as other package managers than npm install it. Only loopback is talked to.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { CLI_NAME, NAME, failure, packages, project, updates } from './install.mjs'
import { OTHERS } from './managers.mjs'

const teardown = (t) => ({ teardown: (cleanup) => t.after(cleanup) })
const TIME = { timeout: 120_000 }

for (const [name, manager] of Object.entries(OTHERS)) {
  test(`${name}: from a registry, the guide’s snippet updates an application`, TIME, async (t) => {
    const scope = teardown(t)
    const packed = packages(scope)
    const there = await project(scope, packed, manager)
    await there.execute([...manager.add, NAME])
    await updates(scope, there, manager)
    const downloads = there.registry.requests.map(({ url }) => url).filter((url) => url.endsWith('.tgz'))
    for (const { manifest } of packed.updater) {
      assert.ok(
        downloads.some((url) => url.startsWith(`/${manifest.name}/`)),
        manifest.name,
      )
    }
    if (manager.downloadsOnlyItsOwn) assert.equal(downloads.length, packed.updater.length, downloads.join())
  })

  test(`${name}: from two tarballs, the guide’s snippet updates an application`, TIME, async (t) => {
    const scope = teardown(t)
    const packed = packages(scope)
    const there = await project(scope, packed, manager)
    const specifiers = packed.updater.map(({ manifest, file }) => `${manifest.name}@file:${file}`)
    await there.execute([...manager.add, ...specifiers])
    await updates(scope, there, manager)
  })

  test(
    `${name}: the command line that is installed for development is the one that runs`,
    TIME,
    async (t) => {
      const scope = teardown(t)
      const packed = packages(scope)
      const there = await project(scope, packed, manager)
      await there.execute([...manager.add, NAME])
      await there.execute([...manager.add, '-D', CLI_NAME])
      for (const program of ['updater', 'updater-cli']) {
        const output = await there.execute([
          ...manager.program,
          program,
          'signer',
          'generate',
          '--ci',
          '--json',
        ])
        assert.ok(JSON.parse(output).publicKey, program)
      }
    },
  )

  test(`${name}: without the platform package, the error says what to do`, TIME, async (t) => {
    const scope = teardown(t)
    const { configure, configureMain = configure, addMain } = manager
    const there = await project(scope, packages(scope), { configure: configureMain })
    await there.execute([...addMain, NAME])
    const { code, message } = await failure(there, manager)
    assert.equal(code, 'ERR_UPDATER_UNSUPPORTED_PLATFORM')
    assert.match(message, /to do: npm: npm install --include=optional/)
    assert.match(message, /to do: .*supportedArchitectures/)
    assert.doesNotMatch(message, /file does not load|wasi/)
  })
}
