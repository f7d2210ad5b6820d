// `scripts/publish.mjs` against a registry on loopback that keeps what npm sends it.

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

import { packAll } from '../../scripts/packages/pack.mjs'
import { mainPackages, platforms, readManifest } from '../../scripts/packages/platforms.mjs'
import { run } from '../readme/programs.mjs'
import { ROOT, environment } from '../readme/project.mjs'
import { elf, mach, pe } from '../support/binary.mjs'
import { serve } from '../support/server.mjs'

const { name: MAIN, version } = readManifest(ROOT)
const LINE = `release-${version.split('.').slice(0, 2).join('.')}`
const NAMES = mainPackages(ROOT).flatMap((directory) => [
  ...platforms(directory).map(({ manifest }) => manifest.name),
  readManifest(directory).name,
])

test(
  'platform packages before the main ones, the addon’s last; after a failure, the rest',
  { timeout: 240_000 },
  async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'updater-publish-'))
    t.after(() => rmSync(dir, { recursive: true }))
    packAll({ root: ROOT, binaries: fabricate(join(dir, 'binaries')), out: join(dir, 'packages') })
    const registry = await startRegistry(t)
    // One of the packages has a newer line already.
    registry.documents.set(NAMES[5], released(NAMES[5], '999.0.0'))
    const publish = (...args) => runPublish(dir, registry.url, ...args)

    const dry = await publish('--dry-run')
    assert.equal(dry.code, 0, dry.stderr)
    assert.equal(dry.stdout, NAMES.map((name) => `${name}@${version}: would be published\n`).join(''))
    assert.deepEqual(registry.published, [])

    registry.refused = NAMES[4]
    const interrupted = await publish()
    assert.equal(interrupted.code, 1)
    assert.match(interrupted.stderr, new RegExp(`npm publish .*${NAMES[4].split('/')[1]}`))
    assert.deepEqual(registry.published, NAMES.slice(0, 4))

    registry.refused = undefined
    const resumed = await publish()
    assert.equal(resumed.code, 0, resumed.stderr)
    assert.deepEqual(registry.published, NAMES)
    const outcomes = resumed.stdout.trim().split('\n')
    assert.deepEqual(
      outcomes.map((line) => line.split(': ')[1]),
      NAMES.map((_, index) => {
        if (index < 4) return 'there already'
        return index === 5 ? `published as ${LINE}` : 'published as latest'
      }),
    )

    assert.deepEqual(registry.documents.get(NAMES[5])['dist-tags'], { [LINE]: version })
    assert.deepEqual(registry.documents.get(MAIN)['dist-tags'], { latest: version })

    registry.documents.get(MAIN).versions[version].dist.integrity = 'sha512-other'
    const changed = await publish()
    assert.equal(changed.code, 1)
    assert.match(changed.stderr, /is published with other content: sha512-other.* only the failed jobs/)
  },
)

/** What a registry knows of a package of which one version is published. */
function released(name, latest) {
  const versions = { [latest]: { name, version: latest, dist: { integrity: 'sha512-newer' } } }
  return { name, 'dist-tags': { latest }, versions }
}

/** Files for all platforms that are nothing but headers. */
function fabricate(directory) {
  for (const { id, manifest } of mainPackages(ROOT).flatMap(platforms)) {
    const [os, cpu, libc] = [manifest.os[0], manifest.cpu[0], manifest.libc?.[0]]
    const bytes = { linux: () => elf(cpu, { libc }), darwin: () => mach(cpu), win32: () => pe(cpu) }[os]()
    mkdirSync(join(directory, id), { recursive: true })
    writeFileSync(join(directory, id, manifest.main), bytes)
    if (manifest.files.includes('relauncher.exe'))
      writeFileSync(join(directory, id, 'relauncher.exe'), pe(cpu, { isLibrary: false }))
  }
  return directory
}

function runPublish(dir, url, ...args) {
  const home = join(dir, 'home')
  mkdirSync(home, { recursive: true })
  writeFileSync(join(home, '.npmrc'), `${url.replace('http:', '')}/:_authToken=none\n`)
  const script = join(ROOT, 'scripts', 'publish.mjs')
  const publish = [script, join(dir, 'packages'), '--tag', `v${version}`, ...args]
  return run(process.execPath, publish, { cwd: dirname(dir), env: environment(home, url) })
}

/** What it was told to publish, in order; one name can be `refused`. */
async function startRegistry(t) {
  const state = { documents: new Map(), published: [] }
  const answer = (response, status, value) => response.writeHead(status).end(JSON.stringify(value))
  const { url } = await serve(
    { teardown: (cleanup) => t.after(cleanup) },
    {
      '*': async (request, response) => {
        const name = decodeURIComponent(new URL(request.url, url).pathname.slice(1))
        if (request.method === 'GET') {
          const document = state.documents.get(name)
          return answer(response, document ? 200 : 404, document ?? { error: 'not found' })
        }
        const { _attachments, ...document } = JSON.parse(Buffer.concat(await request.toArray()))
        if (name === state.refused) return answer(response, 403, { error: 'refused' })
        assert.equal(document.access, 'public')
        assert.equal(Object.keys(_attachments).length, 1)
        state.documents.set(name, document)
        state.published.push(name)
        answer(response, 201, {})
      },
    },
  )
  return Object.assign(state, { url })
}
