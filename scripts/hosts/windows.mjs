import { readdirSync } from 'node:fs'
import { join } from 'node:path'

import { outputOf } from '../cross.mjs'
import { ROOT, run, runWith } from '../steps.mjs'
import { CACHED } from './cache.mjs'
import { need } from './tools.mjs'
import { WINE } from './wine.mjs'

const TESTS = join(ROOT, 'tests', 'windows')

/** Real installers, run by the Windows build of the addon in wine. */
export function testInstallers() {
  const built = outputOf('x86_64-pc-windows-gnu')
  const products = ['updater.win32-x64-msvc.node', 'relauncher.exe'].map((name) => join(built, name))
  need(WINE, CACHED.windowsNode, CACHED.wine, 'makensis', 'wixl', 'x86_64-w64-mingw32-gcc', ...products)
  const lists = join(built, 'lists')
  const toSplit = ['lists_for_windows_to_split', '--', '--ignored']
  runWith({ env: { ...process.env, UPDATER_LISTS: lists } }, 'cargo', 'test', '--quiet', '--lib', ...toSplit)
  const specs = readdirSync(TESTS).filter((name) => name.endsWith('.spec.mjs'))
  // One after the other: they share what is installed.
  for (const spec of specs) run(process.execPath, '--test', '--test-reporter=spec', join(TESTS, spec))
}
