// Whether compiled files are what a platform package says they are. Both give what is wrong, one sentence each.
import { describeBinary } from './binary.mjs'
import { RELAUNCHER } from './platforms.mjs'

// The oldest in use among distributions that still get updates when this was decided (RHEL 7 and its relatives).
export const GLIBC_MINOR = 17

/** Would the package's own platform load this? */
export function wrongPlatform({ name, os, cpu, libc, main }, file, bytes) {
  let found
  try {
    found = describeBinary(bytes)
  } catch (error) {
    return [`${name}: ${file}: ${error.message}`]
  }
  const expected = { os: os[0], cpu: cpu[0], ...(libc && { libc: libc[0] }) }
  if (os[0] === 'win32') expected.isLibrary = file === main
  return Object.keys(expected)
    .filter((key) => found[key] !== expected[key])
    .map((key) => `${name}: ${file} has ${key} ${found[key]}, expected ${expected[key]}`)
}

/** Would it load on every machine that is promised, not only on those like the one that it was built on? */
export function notPortable({ name }, file, bytes) {
  const { glibcMinor, needsRuntime } = describeBinary(bytes)
  return [
    ...(glibcMinor > GLIBC_MINOR
      ? [`${name}: ${file} needs glibc 2.${glibcMinor}, promised 2.${GLIBC_MINOR}`]
      : []),
    ...(needsRuntime ? [`${name}: ${file} needs the Visual C++ runtime, which Windows may lack`] : []),
  ]
}

/** The compiled files of a platform package. */
export function compiledFiles({ files }) {
  return files.filter((file) => file.endsWith('.node') || file === RELAUNCHER)
}
