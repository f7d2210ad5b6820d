import { readFileSync } from 'node:fs'

/**
 * The fenced blocks of a Markdown file, each with its language, the heading that it stands under, and its number there.
 */
export function readBlocks(file) {
  const blocks = []
  let heading = ''
  let open
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (open && line === '```') {
      open = undefined
    } else if (open) {
      open.code += `${line}\n`
    } else if (line.startsWith('```')) {
      const number = blocks.filter((block) => block.heading === heading).length + 1
      open = { heading, name: `${heading}, ${number}`, language: line.slice(3), code: '' }
      blocks.push(open)
    } else if (line.startsWith('#')) {
      heading = line.replace(/^#+ /, '')
    }
  }
  return blocks
}

/** The names in the first column of the table under a heading. */
export function readColumn(file, heading) {
  const section = readFileSync(file, 'utf8')
    .split(/^#+ /m)
    .find((part) => part.startsWith(`${heading}\n`))
  const [, , ...rows] = section.split('\n').filter((line) => line.startsWith('|'))
  return rows.map((row) => /`([^`]+)`/.exec(row)[1])
}

export function readHeadings(file) {
  return [...readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading)
}

/** Links that do not lead to another site. */
export function readLinks(file) {
  const links = [...readFileSync(file, 'utf8').matchAll(/\]\(([^)]+)\)/g)].map(([, link]) => link)
  return links.filter((link) => !link.startsWith('https:'))
}
