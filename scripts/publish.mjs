// `node scripts/publish.mjs DIRECTORY --tag v1.2.3 [--dry-run]`: publishes the tarballs in a directory, if they are the
// whole release. May be run again: what is there already is left as it is.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

import { distTag } from './packages/dist-tag.mjs'
import { planRelease } from './packages/release.mjs'
import { readTarball } from './packages/tarball.mjs'

const root = dirname(import.meta.dirname)
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { tag: { type: 'string' }, 'dry-run': { type: 'boolean' } },
})
const directory = resolve(positionals[0])

function npm(...args) {
  return spawnSync('npm', args, { cwd: directory, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

/** What the registry says of a package; undefined where it knows none. */
function view(spec, field) {
  const { status, stdout } = npm('view', spec, field, '--json')
  const answer = stdout && JSON.parse(stdout)
  if (status === 0) return answer || undefined
  if (answer?.error?.code === 'E404') return undefined
  throw new Error(`cannot tell whether ${spec} is published: ${answer?.error?.summary ?? 'npm view failed'}`)
}

function publish(release) {
  const { name, version, file } = release
  const integrity = `sha512-${createHash('sha512').update(readFileSync(file)).digest('base64')}`
  const published = view(`${name}@${version}`, 'dist.integrity')
  if (published === integrity) return 'there already'
  if (published) {
    throw new Error(
      `${name}@${version} is published with other content: ${published}, here ${integrity}. No two builds are the same: ` +
        'in the workflow run that published it, re-run only the failed jobs, or else release another version',
    )
  }
  const tag = distTag(version, view(name, 'dist-tags.latest'))
  // Whether with provenance is for the environment to say: it can be made in continuous integration only.
  const { status, stderr } = npm('publish', file, '--access', 'public', '--tag', tag)
  if (status !== 0) throw new Error(`npm publish ${file}: ${stderr}`)
  return `published as ${tag}`
}

const tarballs = readdirSync(directory)
  .filter((name) => name.endsWith('.tgz'))
  .map((name) => ({ file: join(directory, name), files: readTarball(join(directory, name)) }))
for (const release of planRelease(root, tarballs, values.tag)) {
  const outcome = values['dry-run'] ? 'would be published' : publish(release)
  console.log(`${release.name}@${release.version}: ${outcome}`)
}
