// A package registry on loopback that has this package, packed as it is published, and nothing else.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

import { packAll } from '../../scripts/packages/pack.mjs'
import { json, text } from '../support/server.mjs'

/** Gives the routes. `out` is for the packages. */
export function packageRoutes(root, out, url, env) {
  const packed = packAll({ root, out, env })
  return Object.assign({}, ...packed.map(({ manifest, file }) => routes(manifest, readFileSync(file), url)))
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
