// What the figures have to reach.
import { LARGE_MIB } from './release.mjs'

const ours = (task, metric) => (results) => results[task]?.ours?.[metric]
const per = (task, metric, other) => (results) => {
  const { ours, [other]: base } = results[task] ?? {}
  return ours && base && ours[metric] / base[metric]
}
/** `require()` and a first check together: what the one leaves undone, the other has to do. */
const start = (task) => (results) => {
  const of = (id) => results.load?.[id]?.wall + results[task]?.[id]?.wall
  const ratio = of('ours') / of('published')
  return Number.isNaN(ratio) ? undefined : ratio
}
const holds = (results) => {
  const all = ['check', 'secure', 'stage', 'install'].map((task) => results[task]?.ours?.hold)
  return all.includes(undefined) ? undefined : Math.max(...all)
}
const peakPerArtifact = (results) => {
  const growth = results.download?.ours?.growth
  return growth && growth / LARGE_MIB
}
const megabytes = (results) => {
  const bytes = results.size?.ours?.bytes
  return bytes && bytes / 1e6
}
const spread = (results) => {
  const { worst, ...figures } = results.memory?.ours ?? {}
  return worst && worst - Math.min(...Object.values(figures))
}

const BARS = [
  ['`stage()` of 500 MiB: time ÷ `curl -o` and fsync', 1.15, '', per('stage', 'wall', 'curl')],
  ['the same: CPU ÷ that of curl', 1.8, '', per('stage', 'cpu', 'curl')],
  ['`downloadAndInstall()` of 500 MiB: time ÷ 0.2.x', 0.45, '', per('both', 'wall', 'published')],
  ['growth of peak memory, 10 MiB to 2 GiB: the worst', 16, 'MiB', ours('memory', 'worst')],
  ['the same: the worst less the best', undefined, 'MiB', spread],
  ['longest hold of the event loop: check, stage, staged install', 5, 'ms', holds],
  ['the same: `download()`, which hands the artifact over', undefined, 'ms', ours('download', 'hold')],
  ['the same: `install(bytes)`, one copy', undefined, 'ms', ours('bytes', 'hold')],
  ['`checkUpdate()`, second and later: CPU ÷ fetch and json()', 1.2, '', per('check', 'later', 'fetch')],
  ['the same, first: CPU ÷ 0.2.x', 1, '', per('check', 'cpu', 'published')],
  ['the same, first: time ÷ 0.2.x', 1, '', per('check', 'wall', 'published')],
  ['the same, first, over TLS: CPU ÷ 0.2.x', 1, '', per('secure', 'cpu', 'published')],
  ['the same, first, over TLS: time ÷ 0.2.x', 1, '', per('secure', 'wall', 'published')],
  ['`require()` ÷ 0.2.x', 1, '', per('load', 'wall', 'published')],
  ['the same and the first check: time ÷ 0.2.x', undefined, '', start('check')],
  ['the same and the first check over TLS: time ÷ 0.2.x', undefined, '', start('secure')],
  ['`require()` of the addon alone ÷ 0.2.x', undefined, '', per('load', 'alone', 'published')],
  ['the addon', 4, 'MB', megabytes],
  ['`download()`: growth of peak memory ÷ artifact', 1.1, '', peakPerArtifact],
  ['100 clients at once: longest ÷ median', undefined, '', ours('crowd', 'spread')],
  ['a slow link, cut 5 times: fetched ÷ artifact', 1.02, '', ours('cuts', 'share')],
  ['idle: threads', 0, '', ours('idle', 'threads')],
  ['idle: wake-ups', 0, '', ours('idle', 'wakeups')],
]

/** Each with its figure, which is undefined where it was not measured. Without a limit it is told, and held to nothing. */
export const heldTo = (results) =>
  BARS.map(([title, limit, unit, figure]) => ({ title, limit, unit, figure: figure(results) }))
