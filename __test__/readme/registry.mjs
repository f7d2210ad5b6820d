// A package registry on loopback that has these packages, packed as they are published, and nothing else.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

import { packAll } from '../../scripts/packages/pack.mjs'
import { mainPackages, platforms } from '../../scripts/packages/platforms.mjs'
import { json, text } from '../support/server.mjs'

/** Packs, and gives the routes. `out` is for the packages. */
export function packageRoutes(root, out, url, env) {
  return routesOf(root, packAll({ root, out, env }), url)
}

export function routesOf(root, packages, url) {
  const packed = packages.map(({ manifest, file }) => [manifest, readFileSync(file)])
  // The others can be looked up, as they have to be, but nobody is to download them here.
  const others = mainPackages(root)
    .flatMap(platforms)
    .map(({ manifest }) => [manifest, Buffer.of()])
  return Object.assign(
    {},
    ...[...others, ...packed].map(([manifest, tarball]) => routes(manifest, tarball, url)),
  )
}

function routes(manifest, tarball, url) {
  const { name, version } = manifest
  const path = `/${name}/-/${version}.tgz`
  const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`
  const released = { ...manifest, dist: { tarball: `${url}${path}`, integrity } }
  const document = json({
    name,
    'dist-tags': { latest: version },
    // Package managers wait until a version has been there for a while.
    time: { [version]: '2020-01-01T00:00:00.000Z' },
    versions: { [version]: released },
  })
  return {
    [`/${name.replace('/', '%2f')}`]: document,
    [`/${name.replace('/', '%2F')}`]: document,
    [path]: text(tarball),
  }
}
