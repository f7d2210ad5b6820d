// The package as npm installs it from tarballs. `readme.spec.mjs` installs it from a registry.

import test from 'ava'

import { NAME, failure, packages, project, updates } from './managers/install.mjs'
import { NPM } from './managers/managers.mjs'

test('from two tarballs, the guide’s snippet updates an application', async (t) => {
  const packed = packages(t)
  const there = await project(t, packed, NPM)
  await there.execute([...NPM.add, ...packed.map(({ file }) => file)])
  await updates(t, there, NPM)
  t.regex(await there.execute(['npx', '@crabnebula/updater', '--help']), /signer/)
})

test('without optional packages, the error says what to do', async (t) => {
  const there = await project(t, packages(t), NPM)
  await there.execute([...NPM.addMain, NAME])
  const { code, message } = await failure(there, NPM)
  t.is(code, 'ERR_UPDATER_UNSUPPORTED_PLATFORM')
  t.true(message.includes('npm install --include=optional'))
})
