#!/usr/bin/env node
'use strict'

// The command line is a package of its own: what only publishers need, applications do not ship.

const { spawn } = require('node:child_process')

const { version } = require('../package.json')

const NAME = '@crabnebula/updater-cli'

const installed = find()
if (installed) require(installed)
else if (isRunByNpm()) fetch()
else {
  console.error(`The command line is a package of its own: npm install --save-dev ${NAME}@${version}`)
  process.exitCode = 1
}

/** From where it is used too: it is a dependency of the application, not of this package. */
function find() {
  try {
    return require.resolve(NAME, { paths: [process.cwd(), __dirname] })
  } catch {
    return undefined
  }
}

/** By `npx` too. */
function isRunByNpm() {
  return process.env.npm_config_user_agent?.startsWith('npm/') && process.env.npm_execpath
}

/** Lets npm do what it does with every program that it is asked for and does not have; on a terminal it asks first. */
function fetch() {
  // With `--call=` in place of what `npx --call` has left in the environment, and would be run once more.
  const npm = [
    process.env.npm_execpath,
    'exec',
    '--call=',
    `--package=${NAME}@${version}`,
    '--',
    'updater-cli',
  ]
  const child = spawn(process.execPath, [...npm, ...process.argv.slice(2)], { stdio: 'inherit' })
  // A terminal sends them to both; the exit code is the other's.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code) => {
    process.exitCode = code ?? 1
  })
}
