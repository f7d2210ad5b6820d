#!/usr/bin/env node
'use strict'

// The command line is a package of its own: what only publishers need, applications do not ship.

const { spawn } = require('node:child_process')
const { constants } = require('node:os')
const { dirname, join } = require('node:path')

const { version } = require('../package.json')

const NAME = '@crabnebula/updater-cli'
const PROGRAM = 'updater-cli'

const installed = find()
if (installed) run(installed)
else if (isRunByNpm()) fetch()
else {
  console.error(`The command line is a package of its own: add ${NAME}@${version} to your devDependencies`)
  process.exitCode = 1
}

/** Beside this package, else from where it is used: it is a dependency of the application, not of this package. */
function find() {
  try {
    return require.resolve(`${NAME}/package.json`, { paths: [__dirname, process.cwd()] })
  } catch {
    return undefined
  }
}

function run(manifest) {
  const { version: found } = require(manifest)
  if (found !== version)
    console.error(`${NAME} is of version ${found}, and @crabnebula/updater of ${version}`)
  require(join(dirname(manifest), `${PROGRAM}.js`))
}

/** By `npx` too. */
function isRunByNpm() {
  return /\bnpm-cli\.js$/.test(process.env.npm_execpath)
}

/** Lets npm do what it does with every program that it is asked for and does not have; on a terminal it asks first. */
function fetch() {
  const { npm_execpath: npm, npm_config_yes: yes } = process.env
  const options = [
    `--package=${NAME}@${version}`,
    // In place of what `npx --call` has left in the environment, and would be run once more.
    '--call=',
    // npm passes `--no-install` on as an empty variable, which it does not read: nothing may be downloaded then.
    ...(yes === '' ? ['--no'] : []),
  ]
  // Else a shell would stay in between, and not pass signals on.
  const program = process.platform === 'win32' ? [PROGRAM] : ['exec', PROGRAM]
  const args = [npm, 'exec', ...options, '--', ...program, ...process.argv.slice(2)]
  const child = spawn(process.execPath, args, { stdio: 'inherit' })
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + constants.signals[signal]
  })
}
