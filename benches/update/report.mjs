// What is shown of the results.
import { availableParallelism, cpus, totalmem } from 'node:os'

import { heldTo } from './bar.mjs'
import { footnotes, table } from './table.mjs'
import { inTable, whyNot } from './task.mjs'

const machine = () => {
  const [{ model }] = cpus()
  return `${model}, ${availableParallelism()} threads, ${Math.round(totalmem() / 2 ** 30)} GiB`
}

/** One of the tables: `contenders` are all that there are, those that are missing here with a reason. */
export function tableOf(task, figures, contenders) {
  const notes = footnotes()
  const rows = inTable(task, contenders).map((contender) => {
    const why = whyNot(task, contender) ?? figures[contender.id]?.cannot
    if (why) return [contender.title, `cannot${notes.mark(why)}`, ...task.columns.slice(1).map(() => '')]
    const note = contender.notes?.[task.notes]
    const name = `${contender.title}${note ? notes.mark(note) : ''}`
    return [name, ...task.columns.map((column) => cell(column, figures[contender.id], figures))]
  })
  const text = table(['', ...task.columns.map(({ head }) => head)], rows)
  return [text, notes.list(), task.remark].filter(Boolean).join('\n\n')
}

function cell({ metric, per, show }, own, all) {
  const value = own?.[metric]
  if (value === undefined) return '–'
  if (!per) return show(value)
  const base = all[per]?.[metric]
  return base === undefined ? '–' : show(value / base)
}

const verdict = ({ limit, figure }) => {
  if (figure === undefined) return 'not measured'
  if (limit === undefined) return 'reported'
  return figure <= limit ? 'met' : '**not met**'
}

const withUnit = (value, unit) => `${value} ${unit}`.trimEnd()
const shown = ({ figure, unit }) => (figure === undefined ? '–' : withUnit(Number(figure.toFixed(3)), unit))

const bars = (results) =>
  table(
    ['measure', 'bar', 'figure', ''],
    heldTo(results).map((bar) => [
      bar.title,
      bar.limit === undefined ? '–' : `≤ ${withUnit(bar.limit, bar.unit)}`,
      shown(bar),
      verdict(bar),
    ]),
  )

const versions = (contenders) =>
  contenders
    .map(({ title, version, missing }) => `- ${title}: ${missing ? `skipped, ${missing}` : version}`)
    .join('\n')

/** All of it, as Markdown. `results` has the figures of each task that was measured. */
export function report({ tasks, results, contenders, rounds, nginx, date = new Date() }) {
  const sections = Object.entries(tasks).map(([id, task]) => {
    const body = results[id] ? tableOf(task, results[id], contenders) : 'Not measured.'
    return `## ${task.title}\n\n${body}`
  })
  return `# Beside others

Written by \`npm run bench\`; do not edit. The same work for all, by ${nginx} on loopback; each figure is the median of
${rounds} interleaved runs, each in a fresh process. Less is better.

- Time is that of the job alone, CPU that of all threads of the process meanwhile, and of the second and later checks the
  median of 200.
- Before each job, four times as much memory as the artifact takes is touched and given back: a virtual machine may have
  returned it to its host, and whoever gets it first would pay for all others.
- Memory growth is the peak of resident memory less what was resident when the job began, after a check. The peak was
  reset then (\`/proc/self/clear_refs\`).
- The longest hold is the longest time from one tick of a timer of 1 ms to the next, less what the main thread waited for
  a processor meanwhile (\`schedstat\`); in a run of its own. That of curl is of a Node.js process that waits for it: the
  noise of the method.
- Over TLS each trusts the authorities that Node.js brings and one of the bench: in a file, and again in a directory with a
  file for each, as Debian has them. Without TLS, 0.2.x reads those of the system too, and this package none.
- 100 clients are 25 in each of 4 processes.
- The slow link is a relay: 20 Mbit/s, 80 ms there and back, a stall of 0.3 s every 2 MiB, and 5 cuts, evenly spread over
  the file; after an error each is called again.
- Idle is 9 s after loading, or after a check. Threads are those that were not there before loading, and wake-ups those of
  these and of the main thread.

What it was:

- ${date.toISOString().slice(0, 10)}, ${machine()}, Node.js ${process.version}
${versions(contenders)}

![Bar charts of the main figures](results.svg)

## Bars

${bars(results)}

${sections.join('\n\n')}
`
}
