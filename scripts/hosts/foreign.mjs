import { CACHED } from './cache.mjs'
import { WINE } from './wine.mjs'

/** Specs that say nothing about a platform: `npm test` runs them. By the start of a name, with the reason. */
const NOT_ABOUT_THE_PLATFORM = {
  bench: 'about the commands of the repository',
  electron: "about the example's code, with stand-ins that are the same everywhere",
  package: 'about tarballs and package managers',
  readme: 'about the text and npm',
  scripts: 'about the commands of the repository',
  workflow: 'about what GitHub runs on Linux',
}
const EMULATED = {
  ...NOT_ABOUT_THE_PLATFORM,
  interference: 'about the addon and JavaScript, thousands of calls of them',
  memory: "an emulator's memory is measured with that of the process",
}

const SAME_AS_ARM64 = 'about processes of Linux, in the same emulator as on arm64, where it runs'
const EMULATED_32_BITS = {
  ...EMULATED,
  abort: SAME_AS_ARM64,
  exit: SAME_AS_ARM64,
  nginx: SAME_AS_ARM64,
  relaunch: SAME_AS_ARM64,
}

/** What is replaced in these is an AppImage, or looked at with /proc. */
const NEEDS_LINUX = {
  delta: 'installs AppImages',
  exit: 'installs AppImages and starts programs of Unix',
  interference: 'installs AppImages',
  memory: 'measures with /proc',
  relaunch: 'about shell scripts and processes of Unix',
  stage: 'installs in the end what is no installer; tests/windows does it with real ones',
  target: 'about AppImages, their modes and links',
}

/** What of the specs a machine leaves out that the published files are tested on. Package managers differ, so they stay. */
export function leftOutOn(system, { emulated, isMusl } = {}) {
  if (emulated) return EMULATED_32_BITS
  const { bench, electron, readme, scripts, workflow } = NOT_ABOUT_THE_PLATFORM
  const common = { bench, electron, readme, scripts, workflow }
  if (system !== 'linux')
    return {
      ...common,
      ...NEEDS_LINUX,
      nginx: 'downloads AppImages',
      'package-install': 'updates an AppImage',
    }
  if (!isMusl) return common
  return {
    ...common,
    exit: "starts a copy of `touch`; Alpine's is one program with others, and goes by its name",
  }
}

/** The hosts on which the addon runs: by Rust's name of the target, the Node.js and what runs it. */
export const HOSTS = {
  'aarch64-unknown-linux-gnu': {
    emulator: ['qemu-aarch64', '-L', '/usr/aarch64-linux-gnu'],
    node: CACHED.arm64Node,
    needs: ['qemu-aarch64', '/usr/aarch64-linux-gnu/lib/libstdc++.so.6', CACHED.arm64Node],
    leftOut: EMULATED,
  },
  'armv7-unknown-linux-gnueabihf': {
    emulator: ['qemu-arm', '-L', '/usr/arm-linux-gnueabihf'],
    node: CACHED.armNode,
    needs: ['qemu-arm', '/usr/arm-linux-gnueabihf/lib/libstdc++.so.6', CACHED.armNode],
    leftOut: EMULATED_32_BITS,
  },
  'x86_64-unknown-linux-musl': {
    emulator: [CACHED.muslLoader],
    node: CACHED.muslNode,
    // What the system sees as the running program.
    executable: CACHED.muslLoader,
    needs: [CACHED.muslLoader, CACHED.muslNode],
    leftOut: NOT_ABOUT_THE_PLATFORM,
  },
  // Wine runs ava itself too: processes in it cannot talk to one outside.
  'x86_64-pc-windows-gnu': {
    node: CACHED.windowsNode,
    needs: [WINE, CACHED.windowsNode, CACHED.wine],
    leftOut: {
      ...NOT_ABOUT_THE_PLATFORM,
      ...NEEDS_LINUX,
      nginx: 'openssl and nginx are programs of this system, which are not found in wine',
    },
  },
}
