// Everything in the README that can be run, is: the commands in order in an empty project, then every snippet.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'

import { readBlocks, readColumn, readHeadings, readLinks } from './readme/blocks.mjs'
import { COMMANDS } from './readme/commands.mjs'
import { ROOT, createProject, fillIn } from './readme/project.mjs'
import { SNIPPETS } from './readme/snippets.mjs'

const README = join(ROOT, 'README.md')
const blocks = readBlocks(README)
const commands = blocks.filter((block) => block.language === 'sh')
const snippets = blocks.filter((block) => block.language !== 'sh')

let project

test.before(async () => {
  project = await createProject()
})

test.after.always(() => project?.cleanUp())

runInOrder(commands, COMMANDS)
runInOrder(snippets, SNIPPETS)

function runInOrder(blocks, runners) {
  for (const block of blocks) {
    test.serial(`${block.language} under “${block.name}”`, async (t) => {
      const run = runners[block.name]
      if (run) await run(t, project, { ...block, code: fillIn(project, block.code) })
      else t.fail('no test knows how to run this block')
    })
  }
}

test('every block that a test knows is there', (t) => {
  const names = (list) => list.map((block) => block.name)
  t.deepEqual(names(commands), Object.keys(COMMANDS))
  t.deepEqual(names(snippets), Object.keys(SNIPPETS))
})

test('every error code that can occur is explained', (t) => {
  const source = readFileSync(join(ROOT, 'src/error/code.rs'), 'utf8')
  const codes = [...source.matchAll(/=> "(ERR_UPDATER_\w+)"/g)].map(([, code]) => code)
  // An abort rejects with its own reason, and an application signs nothing.
  const internal = ['ERR_UPDATER_CANCELLED', 'ERR_UPDATER_SIGNING']
  t.deepEqual(
    readColumn(README, 'Error codes').sort(),
    codes.filter((code) => !internal.includes(code)).sort(),
  )
})

test('every option that is supported is explained', (t) => {
  const types = readFileSync(join(ROOT, 'index.d.ts'), 'utf8')
  const members = (name) => {
    const [, body] = new RegExp(`export interface ${name} {\n([^]*?)\n}`).exec(types)
    const supported = body.replaceAll(/\/\*\* Not supported .*\n.*/g, '')
    return [...supported.matchAll(/^ {2}(\w+)\??:/gm)].map(([, member]) => member)
  }
  const options = members('Options').filter((name) => name !== 'windows')
  const windows = members('UpdaterWindowsOptions').map((name) => `windows.${name}`)
  t.deepEqual(readColumn(README, 'Options').sort(), [...options, ...windows].sort())
})

test('links within the repository lead somewhere', (t) => {
  const anchor = (heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w -]/g, '')
      .replaceAll(' ', '-')
  const anchors = readHeadings(README).map(anchor)
  for (const link of readLinks(README)) {
    if (link.startsWith('#')) t.true(anchors.includes(link.slice(1)), link)
    else t.true(existsSync(join(ROOT, link)), link)
  }
})
