import { readFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'

import { peer, peerPath, resolved, treeOf, versionOf } from '../peer.mjs'

const NEEDS_ELECTRON = 'electron-updater installs in Electron only'
const QUIET = { info() {}, warn() {}, error: console.error }

const MODULES = [
  'builder-util-runtime',
  'electron-updater/out/providers/GenericProvider',
  'electron-updater/out/differentialDownloader/GenericDifferentialDownloader',
]

const load = () => Object.assign({}, ...MODULES.map(peer))

/** Does with Node.js what electron-updater does with the network stack of Electron. */
function executor() {
  const { HttpExecutor, CancellationToken, configureRequestOptions, configureRequestUrl } = load()
  class NodeExecutor extends HttpExecutor {
    createRequest(options, callback) {
      const { request } = options.protocol === 'https:' ? https : http
      return request(options, callback)
    }

    download(url, destination, options) {
      return options.cancellationToken.createPromise((resolve, reject, onCancel) => {
        const request = { headers: options.headers }
        configureRequestUrl(url, request)
        configureRequestOptions(request)
        const callback = (error) => (error ? reject(error) : resolve(destination))
        this.doDownload(request, { destination, options, onCancel, callback, responseHandler: null }, 0)
      })
    }
  }
  return { http: new NodeExecutor(), cancellationToken: new CancellationToken() }
}

const downloaded = ({ home }) => join(home, 'update')

async function check(application) {
  const { place } = application
  const { GenericProvider } = load()
  const { http, cancellationToken } = executor()
  const options = { executor: http, platform: 'linux', isUseMultipleRangeRequest: true }
  const provider = new GenericProvider({ url: place.feed }, { isAddNoCacheQuery: false }, options)
  const [{ info }] = provider.resolveFiles(await provider.getLatestVersion())
  return { application, http, cancellationToken, info, url: new URL(info.url, `${place.files}/`) }
}

function stage({ application, http, cancellationToken, info, url }) {
  return http.download(url, downloaded(application), { sha512: info.sha512, cancellationToken })
}

/** The old blockmap is the one that the last update has left. */
async function change({ application, http, cancellationToken, info, url }) {
  const blockmap = (bytes) => JSON.parse(gunzipSync(bytes).toString())
  const old = blockmap(readFileSync(application.place.oldBlockmap))
  const fresh = blockmap(await http.downloadToBuffer(new URL(`${url}.blockmap`), { cancellationToken }))
  const { GenericDifferentialDownloader } = load()
  const options = {
    newUrl: url,
    oldFile: application.executable,
    newFile: downloaded(application),
    logger: QUIET,
    isUseMultipleRangeRequest: true,
    requestHeaders: {},
    cancellationToken,
  }
  await new GenericDifferentialDownloader(info, http, options).download(old, fresh)
}

export const electron = {
  id: 'electron',
  title: 'electron-updater',
  load,
  version: () => versionOf('electron-updater'),
  modules: () => MODULES.map(resolved),
  files: () => treeOf('electron-updater').map((name) => peerPath(name)),
  artifact: downloaded,
  jobs: {
    check: { run: check },
    stage: { prepare: check, run: stage },
    change: { prepare: check, run: change },
    download: {
      prepare: check,
      run: ({ http, cancellationToken, url }) => http.downloadToBuffer(url, { cancellationToken }),
    },
  },
  notes: {
    stage:
      'electron-updater: its HTTP executor on `node:http`; a SHA-512 from the server, no signature, no fsync',
    download: 'electron-updater, fetch: nothing is verified',
    change:
      'electron-updater: `GenericDifferentialDownloader` with blockmaps, of which the old one is at hand',
    require: 'electron-updater: the parts that are used here, not those that need Electron',
    size: 'electron-updater: the files of the package and its dependencies, without what Electron brings',
  },
  cannot: {
    'install staged': NEEDS_ELECTRON,
    'install bytes': NEEDS_ELECTRON,
    'download and install': NEEDS_ELECTRON,
  },
}
