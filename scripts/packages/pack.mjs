// Tarballs of what is published.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'

import { compiledFiles, wrongPlatform } from './check.mjs'
import { CLI, mainPackages, platforms, readManifest } from './platforms.mjs'
import { stamped, writeManifest } from './manifest.mjs'

/**
 * The main packages, and each platform package whose binary is in `binaries`, where it is built there, or in a directory there
 * that is named like the platform. Gives what was packed, each main package after those for platforms. Nothing in the
 * repository is changed.
 */
export function packAll({ root, binaries = root, out, env = process.env }) {
  mkdirSync(out, { recursive: true })
  const work = mkdtempSync(join(tmpdir(), 'updater-pack-'))
  try {
    const staged = mainPackages(root).flatMap((directory) => {
      const to = join(work, basename(readManifest(directory).name))
      return [...stagePlatforms(directory, binaries, to), stageMain(root, directory, join(to, 'main'))]
    })
    return staged.map(({ directory, manifest }) => ({ manifest, ...pack(directory, out, env) }))
  } finally {
    rmSync(work, { recursive: true })
  }
}

/** Licences and the like are once in the repository. */
function stageMain(root, from, directory) {
  const manifest = stamped(from)
  for (const name of [...manifest.files, 'README.md']) {
    const source = [from, root].map((place) => join(place, name)).find(existsSync)
    copy(source, join(directory, name))
  }
  writeManifest(directory, manifest)
  return { directory, manifest }
}

function stagePlatforms(main, binaries, work) {
  return platforms(main).flatMap(({ id, manifest }) => {
    const places = [join(binaries, id), binaries, join(binaries, CLI)]
    const source = places.find((from) => existsSync(join(from, manifest.main)))
    if (!source) return []
    const directory = join(work, id)
    cpSync(join(main, 'npm', id), directory, { recursive: true })
    for (const file of compiledFiles(manifest)) {
      if (!existsSync(join(source, file)))
        throw new Error(`${manifest.name}: ${join(source, file)} is missing`)
      const wrong = wrongPlatform(manifest, file, readFileSync(join(source, file)))
      if (wrong.length > 0) throw new Error(wrong.join('\n'))
      copy(join(source, file), join(directory, file))
    }
    return [{ directory, manifest }]
  })
}

function copy(from, to) {
  mkdirSync(dirname(to), { recursive: true })
  cpSync(from, to, { recursive: true })
}

function pack(directory, out, env) {
  // Without scripts: the manifest is stamped already.
  const args = ['pack', directory, '--pack-destination', out, '--json', '--ignore-scripts']
  const { error, status, stdout, stderr } = spawnSync('npm', args, {
    cwd: out,
    env,
    encoding: 'utf8',
    // What npm is on Windows is no program but a script.
    shell: process.platform === 'win32',
  })
  if (error ?? status !== 0) throw new Error(`npm pack: ${error?.message ?? stderr}`)
  const [{ filename, size, unpackedSize }] = Object.values(JSON.parse(stdout))
  return { file: join(out, filename), size, unpackedSize }
}
