// Tarballs of what is published.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { compiledFiles, wrongPlatform } from './check.mjs'
import { platforms } from './platforms.mjs'
import { stamped, writeManifest } from './manifest.mjs'

/**
 * The main package and each platform package whose binary is in `binaries`, or in a directory there that is named like the
 * platform. Gives what was packed, the main package last. Nothing in the repository is changed.
 */
export function packAll({ root, binaries = root, out, env = process.env }) {
  mkdirSync(out, { recursive: true })
  const work = mkdtempSync(join(tmpdir(), 'updater-pack-'))
  try {
    const staged = [...stagePlatforms(root, binaries, work), stageMain(root, join(work, 'main'))]
    return staged.map(({ directory, manifest }) => ({ manifest, ...pack(directory, out, env) }))
  } finally {
    rmSync(work, { recursive: true })
  }
}

function stageMain(root, directory) {
  const manifest = stamped(root)
  for (const name of [...manifest.files, 'README.md']) copy(join(root, name), join(directory, name))
  writeManifest(directory, manifest)
  return { directory, manifest }
}

function stagePlatforms(root, binaries, work) {
  return platforms(root).flatMap(({ id, manifest }) => {
    const source = [join(binaries, id), binaries].find((from) => existsSync(join(from, manifest.main)))
    if (!source) return []
    const directory = join(work, id)
    cpSync(join(root, 'npm', id), directory, { recursive: true })
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
