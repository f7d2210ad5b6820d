// What is shown of the addon's size.
import { table } from '../update/table.mjs'
import { attribute, OTHER } from './symbol.mjs'

/** Rows of less are one. */
const SHOWN = 1 / 1000

const whole = (number) => number.toLocaleString('en-US')
const share = (part, all) => `${((part * 100) / all).toFixed(1)} %`
const sum = (rows) => rows.reduce((total, [, bytes]) => total + bytes, 0)

/** [title, bytes] of each crate and C library that symbols are of, the largest first. */
export function owners(symbols) {
  const bytes = {}
  for (const symbol of symbols) {
    const owner = attribute(symbol)
    bytes[owner] = (bytes[owner] ?? 0) + symbol.size
  }
  return Object.entries(bytes).toSorted(([, one], [, two]) => two - one)
}

/** How much of the owners' bytes is nobody's. */
export const shareOfOther = (owners) => sum(owners.filter(([title]) => title === OTHER)) / sum(owners)

function folded(owners) {
  const isShown = ([title, bytes]) => title === OTHER || bytes >= SHOWN * sum(owners)
  const small = owners.filter((owner) => !isShown(owner))
  const shown = owners.filter(isShown)
  return small.length === 0 ? shown : [...shown, [`${small.length} of less than 0.1 %`, sum(small)]]
}

function sized(rows) {
  const all = sum(rows)
  const lines = [...rows, ['**all**', all]]
  return table(
    ['', 'bytes', 'share'],
    lines.map(([title, bytes]) => [title, whole(bytes), share(bytes, all)]),
  )
}

/** All of it, as Markdown. */
export function report({ owners, sections, rustc, platform, date = new Date() }) {
  return `# What the addon's bytes are

Written by \`npm run bench:size\`; do not edit. The addon is built as it is released, except that symbols are kept to be
counted.

- ${date.toISOString().slice(0, 10)}, ${platform}, ${rustc}

## By section

Of the file without symbols. The tables for unwinding are there because a panic must not cross into Node.js: it is caught,
and becomes an error.

${sized(sections)}

## By crate

Of what has a symbol: nearly all code, and constants with a name. A symbol counts for the first crate in its name other
than \`core\`, \`alloc\` and \`std\`. What is generic in these three is compiled for each crate that uses it; it counts
for that crate where the name tells which, else for them: that is what symbols can tell. What was inlined counts for where
it went, and what is of nobody known, if anything, for \`${OTHER}\`. \`cargo_packager_updater\` is the engine, \`updater\`
what is the addon's own; \`addr2line\`, \`gimli\`, \`rustc_demangle\` and \`miniz_oxide\` come with \`std\`.

${sized(folded(owners))}
`
}
