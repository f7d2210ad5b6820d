// What is shown of the results.
import { availableParallelism, cpus, totalmem } from 'node:os'

import { find } from '../../scripts/hosts/tools.mjs'
import { heldTo } from './bar.mjs'
import { versionOf } from './packing.mjs'
import { BLOCKMAP } from './peer.mjs'
import { ownVersion } from './zstd.mjs'

const COMMAND = 'npm run bench:delta'

const whole = (number) => Math.round(number).toLocaleString('en-US')
const share = (part, full) => `${((part * 100) / full).toFixed(part * 100 < full ? 4 : 2)} %`
const sized = (part, full) => (part === undefined ? '–' : `${whole(part)} (${share(part, full)})`)
const seconds = (value) => `${value.toFixed(1)} s`
const megabytes = (bytes) => `${whole(bytes / 1e6)} MB`
const mebibytes = (bytes) => `${whole(bytes / 2 ** 20)} MiB`

/** One result, in a line. */
export function summary({ full, delta, blockmap, patchFrom, create, apply }) {
  return [
    `delta ${sized(delta, full)}, blockmap ${sized(blockmap, full)}, patch-from ${sized(patchFrom, full)};`,
    `create ${seconds(create.wall)}, ${megabytes(create.peak)};`,
    `apply ${seconds(apply.cpu)} CPU, ${seconds(apply.wall)}, +${mebibytes(apply.growth)}`,
  ].join(' ')
}

function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map((_, at) => (at === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n')
}

const sizes = (results) =>
  table(
    ['change', 'full', 'delta', 'blockmap', '`zstd --patch-from`'],
    results.map(({ title, full, ...result }) => [
      title,
      whole(full),
      ...[result.delta, result.blockmap, result.patchFrom].map((bytes) => sized(bytes, full)),
    ]),
  )

const costs = (results) =>
  table(
    [
      'change',
      'create: CPU',
      'create: wall',
      'create: peak memory',
      'apply: CPU',
      'apply: wall',
      'apply: memory growth',
    ],
    results.map(({ title, create, apply }) => [
      title,
      seconds(create.cpu),
      seconds(create.wall),
      megabytes(create.peak),
      seconds(apply.cpu),
      seconds(apply.wall),
      mebibytes(apply.growth),
    ]),
  )

const bars = (results) =>
  table(
    ['measure', 'bar', 'worst', 'of', ''],
    heldTo(results).map(({ title, limit, unit, of, figure }) => [
      title,
      `≤ ${limit} ${unit}`,
      `${Number(figure.toPrecision(3))} ${unit}`,
      of,
      figure <= limit ? 'met' : 'not met',
    ]),
  )

const machine = () => {
  const [{ model }] = cpus()
  return `${model}, ${availableParallelism()} threads, ${whole(totalmem() / 2 ** 30)} GiB`
}

const tools = () =>
  [
    `Node.js ${process.version} (zlib ${process.versions.zlib})`,
    versionOf('mksquashfs', '-version'),
    find('zstd') ? versionOf('zstd').replaceAll('*', '').trim() : 'no zstd',
    `the engine's libzstd ${ownVersion()}`,
  ].join('; ')

const missing = (pairs) => pairs.map(({ title }) => `- Not measured: ${title}\n`).join('')

/** All of it, as Markdown. A pair that was not measured has no sizes. */
export function report(pairs, date = new Date()) {
  const results = pairs.filter(({ full }) => full)
  return `# Deltas

Written by \`${COMMAND}\`; do not edit. Bytes that a user downloads, and their share of the full artifact; the artifacts
are packages of the registry in a squashfs image (as in an AppImage) or a \`.tar.gz\`, see \`delta/pair.mjs\`.
"Blockmap" is what electron-updater downloads (${BLOCKMAP}; both blockmaps included), \`zstd --patch-from\` is at level 19.

- ${date.toISOString().slice(0, 10)}, ${machine()}
- ${tools()}
- \`BENCH_DELTA_LARGE=1 ${COMMAND}\` adds images of 500 MB.
${missing(pairs.filter(({ full }) => !full))}
## Sizes

${sizes(results)}

## Costs

Of the command line program, in a process of its own. Memory is its peak resident set; of \`apply\`, what that is above
the peak of \`--help\`. Each result was compared with the new artifact, byte for byte. What else the machine does adds to wall
times, all the more as part of \`apply\` has the lowest priority.

${costs(results)}

## Bars

${bars(results)}
`
}
