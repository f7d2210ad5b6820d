import { delimiter, join } from 'node:path'

import { CACHED } from '../hosts/cache.mjs'
import { CLI } from '../packages/platforms.mjs'

const underscored = (target) => target.replaceAll('-', '_')

/** Built with one of Debian's cross compilers. */
const debian = (target, compiler, needs, crates) => ({
  act: 'build',
  needs: [compiler, ...needs],
  env: {
    [`CC_${underscored(target)}`]: compiler,
    [`CARGO_TARGET_${underscored(target).toUpperCase()}_LINKER`]: compiler,
  },
  crates,
})

/** The addon and the command line for a platform of Linux. */
const addons = (platform) => ({
  napi: { 'libupdater.so': `updater.${platform}.node` },
  [CLI]: { 'libupdater_cli.so': `updater-cli.${platform}.node` },
})

/**
 * Type-checked, tests too, without warnings: nothing can be linked without the vendor's SDK, so nothing of C is compiled
 * either.
 */
const checked = (target) => ({
  act: 'check',
  flags: [
    '--workspace',
    '--all-targets',
    '--all-features',
    '-Zwarnings',
    '--config',
    'build.warnings="deny"',
  ],
  needs: [],
  env: {
    PATH: [join(import.meta.dirname, 'stand-ins'), process.env.PATH].join(delimiter),
    [`CC_${underscored(target)}`]: 'clang',
    [`AR_${underscored(target)}`]: 'lib',
    CRATE_CC_NO_DEFAULTS: '1',
  },
  crates: { '.': {} },
})

/** What is done for each, and what is shipped of it: by directory of the crate, the names that Cargo and the package give. */
export const TARGETS = {
  'aarch64-unknown-linux-gnu': debian(
    'aarch64-unknown-linux-gnu',
    'aarch64-linux-gnu-gcc',
    ['/usr/aarch64-linux-gnu/lib/libc.so'],
    addons('linux-arm64-gnu'),
  ),
  'armv7-unknown-linux-gnueabihf': debian(
    'armv7-unknown-linux-gnueabihf',
    'arm-linux-gnueabihf-gcc',
    ['/usr/arm-linux-gnueabihf/lib/libc.so'],
    addons('linux-arm-gnueabihf'),
  ),
  'x86_64-unknown-linux-musl': {
    act: 'build',
    program: [CACHED.zigbuild, 'zigbuild'],
    needs: [CACHED.zig, CACHED.zigbuild],
    env: {
      CARGO_ZIGBUILD_ZIG_PATH: CACHED.zig,
      // With a libc of its own in it, the addon could not be loaded by Node.js.
      RUSTFLAGS: '-C target-feature=-crt-static',
    },
    crates: addons('linux-x64-musl'),
  },
  // The addons get the names of the MSVC build, because that is what an ordinary Node.js for Windows loads.
  'x86_64-pc-windows-gnu': debian(
    'x86_64-pc-windows-gnu',
    'x86_64-w64-mingw32-gcc',
    ['x86_64-w64-mingw32-dlltool'],
    {
      napi: { 'updater.dll': 'updater.win32-x64-msvc.node' },
      relauncher: { 'relauncher.exe': 'relauncher.exe' },
      [CLI]: { 'updater_cli.dll': 'updater-cli.win32-x64-msvc.node' },
    },
  ),
  'aarch64-apple-darwin': checked('aarch64-apple-darwin'),
  'x86_64-apple-darwin': checked('x86_64-apple-darwin'),
  'x86_64-pc-windows-msvc': checked('x86_64-pc-windows-msvc'),
  'aarch64-pc-windows-msvc': checked('aarch64-pc-windows-msvc'),
  'i686-pc-windows-msvc': checked('i686-pc-windows-msvc'),
}
