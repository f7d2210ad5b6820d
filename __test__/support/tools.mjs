import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

import test from 'ava'

const PATHS = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']

/** Where a program is; else undefined. */
export function find(program) {
  return PATHS.map((dir) => join(dir, program)).find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** A test of what other systems do not have: skipped by name there. */
export const testOnUnix = process.platform === 'win32' ? test.skip : test
const isMusl = process.platform === 'linux' && !process.report.getReport().header.glibcVersionRuntime
/** The C library musl tells no library the arguments of the process. */
export const testUnlessMusl = isMusl ? test.skip : test
export const testOnLinux = process.platform === 'linux' ? test : test.skip

/**
 * A test that needs programs: skipped by name where one is missing, failed where CI or UPDATER_FAULTS is set, when nothing is
 * to be on record that nobody has tried.
 */
export function testWith(programs, title, implementation) {
  const missing = programs.filter((program) => !find(program))
  testUnless(missing, title, implementation)
}

/** The same, for whatever is missing. */
export function testUnless(missing, title, implementation) {
  if (missing.length === 0) test.serial(title, implementation)
  else if (process.env.CI || process.env.UPDATER_FAULTS)
    test(title, (t) => t.fail(`missing: ${missing.join()}`))
  else test.skip(`${title} (missing: ${missing.join()})`, implementation)
}
