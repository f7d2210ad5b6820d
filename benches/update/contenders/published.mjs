import { checkOptions, downloadedWith } from '../application.mjs'
import { peer, peerPath, resolved, versionOf } from '../peer.mjs'

const PACKAGE = '@crabnebula/updater-linux-x64-gnu'

const load = () => peer(PACKAGE)
const check = (application) => load().checkUpdate('1.0.0', checkOptions(application))
const download = { prepare: check, run: (update) => update.download() }

export const published = {
  id: 'published',
  title: '0.2.x as published',
  load,
  version: () => versionOf(PACKAGE),
  modules: () => [resolved(PACKAGE)],
  files: () => [peerPath(PACKAGE, 'updater.linux-x64-gnu.node')],
  jobs: {
    check: { run: check },
    stage: download,
    'download and install': { prepare: check, run: (update) => update.downloadAndInstall() },
    download,
    'install bytes': {
      prepare: downloadedWith(check),
      run: ({ update, artifact }) => update.install(artifact),
    },
  },
  notes: {
    stage: '0.2.x: `download()`, into memory; nothing is on disk after it',
    require: '0.2.x: the addon; the package with the JavaScript that looks for it is not in the registry',
  },
  cannot: { 'install staged': '0.2.x stages nothing' },
}
