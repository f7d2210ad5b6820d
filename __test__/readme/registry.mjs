// A package registry on loopback that has this package, packed as it is published, and nothing else.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, join } from 'node:path'

import { json, text } from '../support/server.mjs'

/** Gives the routes. `dir` is for the packages. */
export function packageRoutes(root, dir, url, env) {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const platform = platformPackage(root, dir, manifest)
  // `napi prepublish` adds these when the package is published.
  const main = { ...manifest, optionalDependencies: { [platform.manifest.name]: manifest.version } }
  return Object.assign(
    routes(main, pack(root, dir, env), url),
    routes(platform.manifest, pack(platform.dir, dir, env), url),
  )
}

/** The addon that was built here, as a package of its own. */
function platformPackage(root, dir, { name, version }) {
  const require = createRequire(import.meta.url)
  require(join(root, 'index.js'))
  const addon = Object.keys(require.cache).find((file) => file.endsWith('.node'))
  const [, suffix] = basename(addon).split('.')
  const manifest = { name: `${name}-${suffix}`, version, main: basename(addon) }
  const packageDir = join(dir, suffix)
  mkdirSync(packageDir)
  copyFileSync(addon, join(packageDir, basename(addon)))
  writeFileSync(join(packageDir, 'package.json'), JSON.stringify(manifest))
  return { dir: packageDir, manifest }
}

function pack(packageDir, dir, env) {
  const args = ['pack', packageDir, '--pack-destination', dir, '--json']
  const { status, stdout, stderr } = spawnSync('npm', args, { cwd: dir, env, encoding: 'utf8' })
  if (status !== 0) throw new Error(`npm pack: ${stderr}`)
  const [{ filename }] = Object.values(JSON.parse(stdout))
  return readFileSync(join(dir, filename))
}

function routes(manifest, tarball, url) {
  const { name, version } = manifest
  const path = `/${name}/-/${version}.tgz`
  const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`
  const released = { ...manifest, dist: { tarball: `${url}${path}`, integrity } }
  return {
    [`/${name.replace('/', '%2f')}`]: json({
      name,
      'dist-tags': { latest: version },
      versions: { [version]: released },
    }),
    [path]: text(tarball),
  }
}
