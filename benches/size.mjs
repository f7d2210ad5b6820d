// What each dependency adds to the addon. `npm run bench:size` prints it and writes SIZE.md; for Linux alone.
import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { need } from '../scripts/hosts/tools.mjs'
import { ROOT, runSteps, runWith } from '../scripts/steps.mjs'
import { owners, report, shareOfOther } from './size/report.mjs'
import { sections } from './size/sections.mjs'
import { symbols } from './size/symbol.mjs'

const TARGET = join(ROOT, 'target', 'size')
const ADDON = join(TARGET, 'release', 'libupdater.so')
const STRIPPED = `${ADDON}.stripped`
const MOST_OTHER = 0.03

const output = (...command) =>
  runWith({ stdout: 'pipe', encoding: 'utf8', maxBuffer: Infinity }, ...command).trim()

function build() {
  const env = { ...process.env, CARGO_PROFILE_RELEASE_STRIP: 'none', CARGO_TARGET_DIR: TARGET }
  runWith({ env }, 'cargo', 'build', '--release', '--locked', '--manifest-path', 'napi/Cargo.toml')
  runWith({}, 'strip', '-o', STRIPPED, ADDON)
}

function measure() {
  need('nm', 'readelf', 'strip')
  build()
  const owned = owners(symbols(output('nm', '-a', '-p', '-S', '-C', ADDON)))
  if (shareOfOther(owned) > MOST_OTHER)
    throw new Error('too much is of nobody: size/library.mjs does not know a library')
  const text = report({
    owners: owned,
    sections: sections(output('readelf', '-SW', STRIPPED), statSync(STRIPPED).size),
    rustc: output('rustc', '--version'),
    platform: `${process.platform} ${process.arch}`,
  })
  console.log(`\n${text}`)
  writeFileSync(join(import.meta.dirname, 'SIZE.md'), text)
}

await runSteps([['size of the addon', measure]], false)
