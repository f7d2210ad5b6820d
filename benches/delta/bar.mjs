// What the figures have to reach.
const share = ({ delta, full }) => (delta * 100) / full
const isPatch = ({ group }) => group === 'patch'
const isGzipBump = ({ group }) => group === 'bump gzip'
const isZstdBump = ({ group }) => group === 'bump zstd'
const isGzip6Bump = ({ isLevel6 }) => isLevel6
const isLarge = ({ isLarge }) => isLarge
const isSmall = ({ isLarge }) => !isLarge
const createdIn = ({ create }) => create.wall
const createdWith = ({ create }) => create.peak / 1e6
const appliedIn = ({ apply }) => apply.wall
const appliedWith = ({ apply }) => apply.growth / 2 ** 20
const cpu = ({ apply }) => apply.cpu

const BARS = [
  ['delta ÷ full: application patch', isPatch, share, 0.05, '%'],
  ['delta ÷ full: runtime bump, gzip', isGzipBump, share, 7.5, '%'],
  ['delta ÷ full: runtime bump, zstd, the same libzstd', isZstdBump, share, 8.5, '%'],
  ['apply: peak memory growth, 54 MB', isSmall, appliedWith, 256, 'MiB'],
  ['apply: peak memory growth, 500 MB', isLarge, appliedWith, 256, 'MiB'],
  ['apply: CPU, runtime bump, gzip 6', isGzip6Bump, cpu, 8, 's'],
  ['apply: wall, runtime bump, gzip 6', isGzip6Bump, appliedIn, 5, 's'],
  ['create: wall, 54 MB', isSmall, createdIn, 180, 's'],
  ['create: peak memory, 54 MB', isSmall, createdWith, 2000, 'MB'],
]

/** Each with the worst result of those that it is about, and its figure; bars about none are left out. */
export function heldTo(results) {
  return BARS.map(([title, isAbout, figure, limit, unit]) => {
    const [worst] = results.filter(isAbout).toSorted((a, b) => figure(b) - figure(a))
    return worst && { title, limit, unit, of: worst.title, figure: figure(worst) }
  }).filter(Boolean)
}
