// Whether tarballs are a whole release: every package once, of one version, with compiled files that load where promised.
import { compiledFiles, notPortable, wrongPlatform } from './check.mjs'
import { stamped } from './manifest.mjs'
import { mainPackages, platforms } from './platforms.mjs'

// What npm packs whether it is listed or not.
const ALWAYS = ['README.md', 'package.json']

/**
 * The packages in the order in which they are to be published: a main one after those for platforms, so that it never asks
 * for one that is not there; the addon's last, whose program looks for the command line. `tarballs` have `file`, and
 * `files`: the content of each file by path. Throws all that is wrong.
 */
export function planRelease(root, tarballs, tag) {
  const manifests = mainPackages(root).flatMap((directory) => [
    ...platforms(directory).map(({ manifest }) => manifest),
    stamped(directory),
  ])
  const { version } = manifests.at(-1)
  const packed = tarballs.map(({ file, files }) => ({
    file,
    files,
    found: JSON.parse(files.get('package.json')),
  }))
  const named = (name) => packed.filter(({ found }) => found.name === name)
  const strangers = packed.filter(({ found }) => manifests.every(({ name }) => name !== found.name))
  const problems = [
    ...(tag === `v${version}` ? [] : [`the tag is ${tag}, the version ${version}`]),
    ...strangers.map(({ found }) => `${found.name}: not a package of this release`),
    ...manifests.flatMap((manifest) => packageProblems(manifest, named(manifest.name))),
  ]
  if (problems.length > 0) throw new Error(`not released:\n${problems.join('\n')}`)
  return manifests.map(({ name, version }) => ({ name, version, file: named(name)[0].file }))
}

function packageProblems(manifest, packed) {
  const { name } = manifest
  if (packed.length !== 1) return [`${name}: ${packed.length} tarballs, expected 1`]
  const [{ files, found }] = packed
  const isCurrent = JSON.stringify(found) === JSON.stringify(manifest)
  return [
    ...(isCurrent ? [] : [`${name}: package.json is not that of this version`]),
    ...contentProblems(name, [...ALWAYS, ...manifest.files], [...files.keys()]),
    ...compiledFiles(manifest)
      .filter((file) => files.has(file))
      .flatMap((file) => binaryProblems(manifest, file, files.get(file))),
  ]
}

function contentProblems(name, listed, paths) {
  const belongs = (path, entry) => path === entry || path.startsWith(`${entry}/`)
  const extra = paths.filter((path) => !listed.some((entry) => belongs(path, entry)))
  const missing = listed.filter((entry) => !paths.some((path) => belongs(path, entry)))
  return [
    ...extra.map((path) => `${name}: ${path} does not belong there`),
    ...missing.map((entry) => `${name}: ${entry} is missing`),
  ]
}

function binaryProblems(manifest, file, bytes) {
  const wrong = wrongPlatform(manifest, file, bytes)
  return wrong.length > 0 ? wrong : notPortable(manifest, file, bytes)
}
