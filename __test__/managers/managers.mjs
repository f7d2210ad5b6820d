// Package managers: how each installs and runs. All but npm are at fixed versions in the ignored directory `.cache`.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { CACHED } from '../../scripts/hosts/cache.mjs'

const node = process.execPath
const managed = (name, program) => [node, join(CACHED.managers, 'node_modules', name, 'bin', program)]
const berry = managed('berry', 'yarn.js')

/**
 * `add` installs what follows, `addMain` without the platform package, if need be with the settings of `configureMain`;
 * `run` is for a script, `program` for a program of a package.
 */
export const NPM = { add: ['npm', 'install'], addMain: ['npm', 'install', '--omit=optional'], run: [node] }

const pnpm10 = managed('pnpm10', 'pnpm.cjs')
const pnpm12 = managed('pnpm12', 'pnpm.mjs')
const classic = managed('yarn', 'yarn.js')
// Yarn 4 has no option that leaves optional packages out; it leaves out those of other systems.
const ELSEWHERE = { supportedArchitectures: { os: ['none'] } }
export const OTHERS = {
  'pnpm 10': {
    add: [...pnpm10, 'add'],
    addMain: [...pnpm10, 'add', '--no-optional'],
    run: [node],
    program: [...pnpm10, 'exec'],
    downloadsOnlyItsOwn: true,
  },
  'pnpm 12': {
    add: [...pnpm12, 'add'],
    addMain: [...pnpm12, 'add', '--no-optional'],
    run: [node],
    program: [...pnpm12, 'exec'],
    downloadsOnlyItsOwn: true,
  },
  // Downloads what is for other platforms too, and then does not install it.
  'Yarn 1': {
    add: [...classic, 'add'],
    addMain: [...classic, 'add', '--ignore-optional'],
    run: [node],
    program: [...classic, '--silent', 'run'],
  },
  'Yarn 4 with node_modules': {
    add: [...berry, 'add'],
    run: [node],
    program: [...berry, 'run'],
    configure: configureYarn('node-modules'),
    addMain: [...berry, 'add'],
    configureMain: configureYarn('node-modules', ELSEWHERE),
    downloadsOnlyItsOwn: true,
  },
  'Yarn 4 with Plug’n’Play': {
    add: [...berry, 'add'],
    run: [...berry, 'node'],
    program: [...berry, 'run'],
    configure: configureYarn('pnp'),
    addMain: [...berry, 'add'],
    configureMain: configureYarn('pnp', ELSEWHERE),
    downloadsOnlyItsOwn: true,
  },
}

/** Yarn 4 reads no settings of npm's. */
function configureYarn(nodeLinker, more = {}) {
  return (dir, registry) => {
    const settings = {
      enableGlobalCache: false,
      enableImmutableInstalls: false,
      enableTelemetry: false,
      nodeLinker,
      npmRegistryServer: registry,
      pnpEnableEsmLoader: true,
      unsafeHttpWhitelist: ['127.0.0.1'],
      ...more,
    }
    writeFileSync(join(dir, '.yarnrc.yml'), JSON.stringify(settings))
    writeFileSync(join(dir, 'yarn.lock'), '')
  }
}
