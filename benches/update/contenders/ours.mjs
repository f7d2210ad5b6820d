import { createRequire } from 'node:module'

import { addon } from '../addon.mjs'
import { checkOptions, downloadedWith } from '../application.mjs'
import { INSTALLED } from '../installed.mjs'

const require = createRequire(import.meta.url)
const load = () => require(INSTALLED)
const check = (application) => load().checkUpdate('1.0.0', checkOptions(application))

export const ours = {
  id: 'ours',
  title: '@crabnebula/updater',
  load,
  loadAll: () => load().Update,
  version: () => require(`${INSTALLED}/package.json`).version,
  modules: () => [require.resolve(INSTALLED)],
  files: () => [addon()],
  jobs: {
    check: { run: check },
    stage: { prepare: check, run: (update) => update.stage() },
    'install staged': {
      prepare: async (application) => (await check(application)).stage(),
      run: (staged) => staged.install(),
    },
    'download and install': { prepare: check, run: (update) => update.downloadAndInstall() },
    download: { prepare: check, run: (update) => update.download() },
    'install bytes': {
      prepare: downloadedWith(check),
      run: ({ update, artifact }) => update.install(artifact),
    },
  },
  notes: {
    check: '@crabnebula/updater: the first call loads the addon, which `require()` of 0.2.x has done',
    require: '@crabnebula/updater: the addon is loaded by the first call, or by `import`',
    size: '@crabnebula/updater: the addon; it has about 40 kB of JavaScript beside it',
  },
}
