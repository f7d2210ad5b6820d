// `npm run test:faults [-- words of a title]`: what must not break or fool the updater, with numbers: kills, full disks, bad
// networks, flipped bits, hostile manifests. UPDATER_FAULTS is `sampled` (the default here, some minutes) or `full`;
// UPDATER_SEED repeats a run. `npm test` has the quick versions.
import { choose, refuseDeadFilters, run, runSteps, runWith } from './steps.mjs'

const TWO_HOURS_MS = 2 * 60 * 60_000
const LISTED = { encoding: 'utf8', stdout: 'pipe' }
const env = { UPDATER_FAULTS: 'sampled', UPDATER_SEED: String(Math.floor(Date.now() / 1000)), ...process.env }

/** Rust tests with one of these in their names, built once for all. */
function rust(target, ...names) {
  const cargo = ['test', '--locked', '--all-features', ...target, '--']
  return () => {
    refuseDeadFilters(names, runWith(LISTED, 'cargo', ...cargo, '--list'))
    runWith({ env, timeout: TWO_HOURS_MS }, 'cargo', ...cargo, '--nocapture', ...names)
  }
}

const whole = (...names) => rust(['--test', 'it'], ...names)
const bundles = (...names) => rust(['--lib'], ...names)

function testCalls() {
  whole('death::', 'io_errors::')()
  bundles('faults::death::', 'faults::io_errors::', 'faults::rivals::')()
}

/** With the addon that `npm run build` or `npm test` made last. */
function testInterference() {
  const ava = ['node_modules/ava/entrypoints/cli.mjs', '--timeout', '2h', '__test__/interference.spec.mjs']
  runWith({ env, timeout: TWO_HOURS_MS }, process.execPath, ...ava)
}

/** The published client before this one, which is no member of the workspace. */
function testCompatibility() {
  run('cargo', 'test', '--locked', '--manifest-path', 'compat/Cargo.toml', '--target-dir', 'target/compat')
}

const STEPS = [
  ['killed at any moment', () => (whole('kill::')(), bundles('killed_at_any_moment')())],
  ['ended at any call, errors of any call', testCalls],
  ['power loss', () => (whole('power_loss::')(), bundles('faults::power_loss::')())],
  ['hostile and interrupted deltas', whole('delta::')],
  ['disks of any size', whole('small_disk::')],
  ['networks', whole('network::')],
  ['endless and large answers', whole('memory::')],
  ['flipped bits', whole('bit_flips::')],
  ['beside minisign', whole('minisign::')],
  ['hostile manifests', whole('hostile_manifests::')],
  ['other users', whole('planting::')],
  ['hostile and sound archives', rust(['--lib'], 'archive::')],
  ['signed manifests in sequence', whole('signed_manifest::', 'key_rotation::')],
  ['clocks', whole('clock::')],
  ['a crowd of processes', whole('crowd::')],
  ['what JavaScript does meanwhile', testInterference],
  ['version 0.2.3 reads signed manifests', testCompatibility],
]

console.log(`UPDATER_FAULTS=${env.UPDATER_FAULTS} UPDATER_SEED=${env.UPDATER_SEED}`)
await runSteps(choose(STEPS, process.argv.slice(2)))
