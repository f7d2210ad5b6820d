// libzstd in the version that the engine has, for mksquashfs: another one does not make the same bytes.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { find, need } from '../../scripts/hosts/tools.mjs'
import { Skipped } from '../../scripts/steps.mjs'
import { metadata } from './engine.mjs'
import { CACHE } from './package.mjs'

const PARTS = ['common', 'compress', 'decompress', 'dictBuilder', 'deprecated']
const OPTIONS = ['-O2', '-shared', '-fPIC', '-DZSTD_MULTITHREAD', '-DZSTD_DISABLE_ASM']
const NAME = 'libzstd.so.1'

const sources = () => {
  const { manifest_path } = metadata().packages.find(({ name }) => name === 'zstd-sys')
  return join(dirname(manifest_path), 'zstd', 'lib')
}

/** Such as `1.5.7`. */
export function ownVersion() {
  const header = readFileSync(join(sources(), 'zstd.h'), 'utf8')
  const part = (name) => new RegExp(`define ZSTD_VERSION_${name} +(\\d+)`).exec(header)[1]
  return ['MAJOR', 'MINOR', 'RELEASE'].map(part).join('.')
}

/** The directory with the library, for `LD_LIBRARY_PATH`. */
export function ownLibrary() {
  const directory = join(CACHE, `libzstd-${ownVersion()}`)
  if (!existsSync(join(directory, NAME))) compile(directory)
  needIsLoaded(directory)
  return directory
}

function compile(directory) {
  need('cc')
  mkdirSync(directory, { recursive: true })
  const lib = sources()
  const files = PARTS.flatMap((part) =>
    readdirSync(join(lib, part))
      .filter((name) => name.endsWith('.c'))
      .map((name) => join(lib, part, name)),
  )
  const args = [...OPTIONS, `-Wl,-soname,${NAME}`, '-o', join(directory, NAME), ...files]
  execFileSync('cc', args, { stdio: 'inherit' })
}

/** A mksquashfs that has its own libzstd would go on with that, unnoticed. */
function needIsLoaded(directory) {
  const env = { ...process.env, LD_LIBRARY_PATH: directory }
  const loaded = execFileSync('ldd', [find('mksquashfs')], { env, encoding: 'utf8' })
  if (!loaded.includes(directory)) throw new Skipped('mksquashfs does not load libzstd as a shared library')
}
