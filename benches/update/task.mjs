// What is measured, by id: `title`, `columns`, `whyNot`, which tells why a contender cannot be measured, `notes`, the name
// under which contenders have some, and `run`, which gives the figures of those that can.
import { change } from './tasks/change.mjs'
import { check } from './tasks/check.mjs'
import { crowd } from './tasks/crowd.mjs'
import { cuts } from './tasks/cuts.mjs'
import { idle } from './tasks/idle.mjs'
import { both, bytes, download, install, stage } from './tasks/job.mjs'
import { exit, memory } from './tasks/own.mjs'
import { load, size } from './tasks/package.mjs'

export const TASKS = {
  stage,
  both,
  install,
  download,
  bytes,
  check,
  memory,
  load,
  size,
  crowd,
  cuts,
  change,
  idle,
  exit,
}
