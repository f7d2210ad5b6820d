// An update in which little changed: a file of an application, in the image of an AppImage.
import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { need } from '../../scripts/hosts/tools.mjs'
import { ROOT } from '../../scripts/steps.mjs'
import { peerPath } from './peer.mjs'
import { ARTIFACT, asAppImage, cli, keyArguments, placeOf, sign, writeFeeds } from './release.mjs'

const RUNTIME_BYTES = 64 << 10
const CHANGED = 'prettier/index.mjs'
const PACKAGES = ['prettier', 'typescript']
const OPTIONS = [
  '-root-owned',
  '-noappend',
  '-mkfs-time',
  '0',
  '-all-time',
  '0',
  '-no-progress',
  '-comp',
  'gzip',
]
const ARCHITECTURE = { x64: 'x64', arm64: 'arm64', arm: 'arm' }[process.arch]

/** What this repository has installed for itself is an application of JavaScript, too. */
function tree(directory) {
  for (const name of PACKAGES)
    cpSync(join(ROOT, 'node_modules', name), join(directory, name), { recursive: true })
}

function pack(directory, file) {
  const image = `${file}.image`
  const env = { ...process.env }
  // mksquashfs refuses to be told of a time twice.
  delete env.SOURCE_DATE_EPOCH
  execFileSync('mksquashfs', [directory, image, ...OPTIONS], { env, stdio: ['ignore', 'ignore', 'inherit'] })
  writeFileSync(file, Buffer.concat([asAppImage(Buffer.alloc(RUNTIME_BYTES)), readFileSync(image)]))
}

/** Makes the blockmap of a file beside it, as electron-builder does; undefined where that cannot be had. */
function blockmap(file) {
  const program = peerPath('app-builder-bin', 'linux', ARCHITECTURE, 'app-builder')
  if (!existsSync(program)) return undefined
  // Packages are unpacked without the right to run.
  chmodSync(program, 0o755)
  const output = `${file}.blockmap`
  execFileSync(program, ['blockmap', '--input', file, '--output', output], { stdio: 'pipe' })
  return output
}

/** The place of a release of version 2.0.0, for clients that have 1.0.0; what is fetched from there is counted. */
export function smallChange(root, url) {
  need('mksquashfs')
  const [content, before, after] = ['content', 'before', 'counted/after'].map((name) => join(root, name))
  for (const directory of [content, before, after]) mkdirSync(directory, { recursive: true })
  tree(content)
  pack(content, join(before, ARTIFACT))
  const changed = join(content, CHANGED)
  writeFileSync(changed, `// A new line, before all others.\n${readFileSync(changed, 'utf8')}`)
  pack(content, join(after, ARTIFACT))
  publish(root, before, after, `${url}/counted/after`)
  const [installed, fresh] = [before, after].map((directory) => join(directory, ARTIFACT))
  blockmap(fresh)
  return { ...placeOf(root, url, 'counted/after'), installed, oldBlockmap: blockmap(installed) }
}

function publish(root, before, after, url) {
  sign(root, join(before, ARTIFACT), '1.0.0')
  sign(root, join(after, ARTIFACT), '2.0.0')
  const deltas = ['--previous', before, ...keyArguments(root)]
  cli('manifest', 'create', after, '--version', '2.0.0', '--base-url', url, ...deltas)
  writeFeeds(after, join(after, ARTIFACT))
}
