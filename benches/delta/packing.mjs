// How a directory becomes an artifact.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

import { need } from '../../scripts/hosts/tools.mjs'
import { ownLibrary } from './zstd.mjs'

const SAME_EACH_TIME = ['-root-owned', '-noappend', '-mkfs-time', '0', '-all-time', '0', '-no-progress']
const TAR = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--format=gnu']
const MAX_BUFFER = 2 ** 31

/** What a program says of its version, in the first line. */
export const versionOf = (program, option = '--version') =>
  execFileSync(program, [option], { encoding: 'utf8' }).split('\n')[0].trim()

/** The image of an AppImage. `library` gives the directory of another libzstd than the system's. */
function squashfs(options, library = () => undefined) {
  return {
    recipe() {
      need('mksquashfs')
      return [versionOf('mksquashfs', '-version'), options, library()]
    },
    make(tree, file) {
      const env = { ...process.env, LD_LIBRARY_PATH: library() ?? process.env.LD_LIBRARY_PATH }
      // mksquashfs refuses to be told of a time twice.
      delete env.SOURCE_DATE_EPOCH
      const stdio = ['ignore', 'ignore', 'inherit']
      execFileSync('mksquashfs', [tree, file, ...SAME_EACH_TIME, ...options], { env, stdio })
    },
  }
}

function tarGz(name, compress) {
  const recipe = () => {
    need('tar', 'gzip')
    return ['tar', TAR, name, process.versions.zlib, versionOf('gzip')]
  }
  const make = (tree, file) => {
    const tar = execFileSync('tar', [...TAR, '-C', tree, '-cf', '-', '.'], { maxBuffer: MAX_BUFFER })
    writeFileSync(file, compress(tar))
  }
  return { recipe, make }
}

export const GZIP_9 = squashfs(['-comp', 'gzip', '-Xcompression-level', '9'])
export const GZIP_6 = squashfs(['-comp', 'gzip', '-Xcompression-level', '6'])
export const ZSTD_OURS = squashfs(['-comp', 'zstd'], ownLibrary)
export const ZSTD_SYSTEM = squashfs(['-comp', 'zstd'])
export const XZ = squashfs(['-comp', 'xz'])
export const TAR_NODE = tarGz('node', (tar) => gzipSync(tar, { level: 6 }))
export const TAR_GZIP = tarGz('gzip', (input) =>
  execFileSync('gzip', ['-n', '-6'], { input, maxBuffer: MAX_BUFFER }),
)
