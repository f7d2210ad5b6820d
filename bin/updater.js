#!/usr/bin/env node
'use strict'

const { cli } = require('../loader.js')

// Node's own handlers raise the signal again, for ever once `serve` listens for it too; with listeners they are gone.
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
]) {
  process.once(signal, () => process.exit(code))
}

cli(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code
  },
  // Not left to Node.js, which can be told to pass over it.
  (error) => {
    console.error(error)
    process.exitCode = 1
  },
)
