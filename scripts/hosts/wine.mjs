import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { runWith, say } from '../steps.mjs'
import { CACHED } from './cache.mjs'

export const WINE = '/usr/lib/wine/wine64'
const RANDOM = join(import.meta.dirname, 'bcryptprimitives.c')

/** What wine and programs in it are run with. */
export const WINE_ENV = {
  WINEPREFIX: CACHED.wine,
  WINEDEBUG: '-all',
  // Neither .NET nor a browser is asked for.
  WINEDLLOVERRIDES: 'mscoree,mshtml=',
}

export const WINE_RECIPE = `win10\n${readFileSync(RANDOM, 'utf8')}`

/** A Windows 10, with the source of random numbers that Rust needs and wine 8 lacks. */
export function makeWine(directory) {
  const wine = (...command) => runWith({ env: { ...process.env, ...WINE_ENV } }, ...command)
  wine('wineboot', '--init')
  wine('winecfg', '-v', 'win10')
  const library = join(directory, 'drive_c', 'windows', 'system32', 'bcryptprimitives.dll')
  runWith({}, 'x86_64-w64-mingw32-gcc', '-shared', '-o', library, RANDOM, '-ladvapi32')
  // The registry is written to disk when the last program in it has ended.
  wine('wineserver', '--wait')
}

/** Runs Node.js for Windows. Through a file, because not all that it prints comes out of a pipe. */
export function runWindowsNode(directory, ...args) {
  const path = join(directory, 'output.txt')
  const output = openSync(path, 'w')
  const options = { cwd: directory, env: { ...process.env, ...WINE_ENV }, stdio: ['ignore', output, output] }
  try {
    runWith(options, WINE, CACHED.windowsNode, ...args)
  } finally {
    closeSync(output)
    say(readFileSync(path, 'utf8'))
  }
}
