import { accessSync, constants } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'

import { Skipped } from '../steps.mjs'

const PATHS = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']

/** Programs and files, each with the Debian package that it comes from. `npm run hosts:setup` installs these. */
export const DEBIAN_PACKAGES = {
  cc: 'build-essential',
  chromium: 'chromium',
  curl: 'curl',
  faketime: 'faketime',
  minisign: 'minisign',
  nginx: 'nginx',
  nm: 'binutils',
  openssl: 'openssl',
  readelf: 'binutils',
  script: 'bsdutils',
  strip: 'binutils',
  '/usr/bin/cargo': 'cargo-web',
  '/usr/bin/rustc': 'rustc-web',
  '/usr/lib/rustlib/src/rust/library': 'rust-web-src',
  'aarch64-linux-gnu-gcc': 'gcc-aarch64-linux-gnu',
  '/usr/aarch64-linux-gnu/lib/libc.so': 'libc6-dev-arm64-cross',
  '/usr/aarch64-linux-gnu/lib/libstdc++.so.6': 'libstdc++6-arm64-cross',
  'arm-linux-gnueabihf-gcc': 'gcc-arm-linux-gnueabihf',
  '/usr/arm-linux-gnueabihf/lib/libc.so': 'libc6-dev-armhf-cross',
  '/usr/arm-linux-gnueabihf/lib/libstdc++.so.6': 'libstdc++6-armhf-cross',
  'x86_64-w64-mingw32-gcc': 'gcc-mingw-w64-x86-64',
  'x86_64-w64-mingw32-dlltool': 'binutils-mingw-w64-x86-64',
  'qemu-aarch64': 'qemu-user',
  'qemu-arm': 'qemu-user',
  '/usr/lib/wine/wine64': 'wine64',
  wineboot: 'wine',
  makensis: 'nsis',
  wixl: 'wixl',
  osslsigncode: 'osslsigncode',
  mksquashfs: 'squashfs-tools',
  'dpkg-deb': 'dpkg',
  rpmbuild: 'rpm',
  pacman: 'pacman-package-manager',
  zstd: 'zstd',
  pkexec: 'pkexec',
  pkcheck: 'polkitd',
  '/usr/lib/polkit-1/polkitd': 'polkitd',
  'dbus-daemon': 'dbus-daemon',
  sudo: 'sudo',
  setpriv: 'util-linux',
}

/** Where a program or file is; else undefined. */
export function find(name) {
  const places = isAbsolute(name) ? [name] : PATHS.map((directory) => join(directory, name))
  return places.find((path) => {
    try {
      accessSync(path, isAbsolute(name) ? constants.R_OK : constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** Ends a step by name unless all of these are here. */
export function need(...names) {
  const missing = names.filter((name) => !find(name))
  if (missing.length === 0) return
  const wanted = missing.map((name) => {
    const source = DEBIAN_PACKAGES[name]
    return source ? `${name} (Debian package ${source})` : name
  })
  throw new Skipped(`missing: ${wanted.join(', ')}; \`npm run hosts:setup\` installs it`)
}
