// What is measured, by id: `title`, `columns`, `isAbout`, who is in the table, if not all, `whyNot`, which tells why one of
// them cannot be measured, `notes`, the name under which contenders have some, a `remark` for the reader, and `run`, which
// gives the figures of those that can.
import { change } from './tasks/change.mjs'
import { check } from './tasks/check.mjs'
import { crowd } from './tasks/crowd.mjs'
import { cuts } from './tasks/cuts.mjs'
import { idle } from './tasks/idle.mjs'
import { both, bytes, download, install, stage } from './tasks/job.mjs'
import { exit, memory } from './tasks/own.mjs'
import { load, size } from './tasks/package.mjs'
import { secure } from './tasks/secure.mjs'

export const TASKS = {
  stage,
  both,
  install,
  download,
  bytes,
  check,
  secure,
  memory,
  load,
  size,
  crowd,
  cuts,
  change,
  idle,
  exit,
}

/** Why a contender has no figures in a task; else undefined. */
export const whyNot = (task, contender) => contender.missing ?? task.whyNot?.(contender)

export const inTable = (task, contenders) => contenders.filter(task.isAbout ?? (() => true))
