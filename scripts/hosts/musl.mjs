import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { runWith } from '../steps.mjs'
import { CACHED } from './cache.mjs'
import { PATIENT, pip, requirements } from './sources.mjs'

const NODE = requirements('musl-node')
const PLATFORM = 'musllinux_1_2_x86_64'
// The first release of Debian's with a loader that knows how this Node.js was linked (DT_RELR).
const RELEASE = 'trixie'

export const MUSL_RECIPE = `${NODE.text}${PLATFORM} ${RELEASE}`

/** Node.js for musl, and the musl that it runs with. It is unpacked, not installed. */
export function makeMusl(directory) {
  const inDirectory = (...command) => runWith({ cwd: directory, shell: true }, ...command)
  pip(NODE, 'download', '--platform', PLATFORM, '--dest', directory)
  inDirectory('python3 -m zipfile -e *.whl . && rm *.whl')
  chmodSync(CACHED.muslNode, 0o755)
  const apt = ['apt-get', '-qq', ...PATIENT, ...aptOptions(join(directory, 'apt'))]
  runWith({ cwd: directory }, ...apt, 'update')
  runWith({ cwd: directory }, ...apt, 'download', 'musl')
  inDirectory('dpkg-deb -x musl_*.deb . && rm -r musl_*.deb apt')
}

/** Makes apt-get know another release than this system's, and nothing that it learns change this system. */
function aptOptions(state) {
  mkdirSync(join(state, 'lists', 'partial'), { recursive: true })
  mkdirSync(join(state, 'none'))
  // Without what it would know only after an update.
  const targets = ['indextargets', '--no-release-info', '--format', '$(REPO_URI)', 'Component: main']
  const known = execFileSync('apt-get', targets)
  const [archive] = known.toString().split('\n')
  writeFileSync(join(state, 'sources.list'), `deb ${archive} ${RELEASE} main\n`)
  return Object.entries({
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled': 'false',
    'Acquire::Languages': 'none',
    'APT::Sandbox::User': 'root',
    'Dir::Cache': join(state, 'cache'),
    'Dir::Etc::SourceList': join(state, 'sources.list'),
    'Dir::Etc::SourceParts': join(state, 'none'),
    'Dir::State::Lists': join(state, 'lists'),
  }).flatMap(([name, value]) => ['-o', `${name}=${value}`])
}
