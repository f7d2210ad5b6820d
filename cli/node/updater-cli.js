#!/usr/bin/env node
'use strict'

// Node's own handlers raise the signal again, for ever once `serve` listens for it too; with listeners they are gone.
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
]) {
  process.once(signal, () => process.exit(code))
}

main().then(
  (code) => {
    process.exitCode = code
  },
  // Not left to Node.js, which can be told to pass over it; and at once, because Node.js waits for a promise of the compiled
  // part that is never settled, as where its thread cannot be started.
  (error) => {
    console.error(error.message)
    process.exit(1)
  },
)

async function main() {
  return require('./addon.js').run(process.argv.slice(2))
}
