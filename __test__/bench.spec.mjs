// What `npm run bench` says of its figures, and the slow link that it measures with.
import { createServer } from 'node:net'
import { once } from 'node:events'
import { randomBytes } from 'node:crypto'

import test from 'ava'

import { heldTo } from '../benches/update/bar.mjs'
import { picture } from '../benches/update/chart.mjs'
import { CONTENDERS } from '../benches/update/contender.mjs'
import { medians } from '../benches/update/meter.mjs'
import { relay } from '../benches/update/relay.mjs'
import { report, tableOf } from '../benches/update/report.mjs'
import { inTable, TASKS, whyNot } from '../benches/update/task.mjs'

const figures = (wall, cpu = wall) => ({ wall, cpu, growth: 1, hold: 1 })
const STAGED = { ours: figures(115, 190), published: figures(200), curl: { wall: 100, cpu: 100 } }
const written = (results) =>
  report({ tasks: TASKS, results, contenders: CONTENDERS, rounds: 5, nginx: 'nginx', date: new Date(0) })

test('a bar that is not met is told, as is one that was not measured', (t) => {
  const text = written({ stage: STAGED })
  t.regex(text, /\| `stage\(\)` of 500 MiB: time.* \| ≤ 1\.15 \| 1\.15 \| met \|/)
  t.regex(text, /\| the same: CPU.* \| ≤ 1\.8 \| 1\.9 \| \*\*not met\*\* \|/)
  t.regex(text, /\| the addon \| ≤ 4 MB \| – \| not measured \|/)
  t.regex(text, /## size of what an application ships\n\nNot measured\./)
})

test('a bar is about the worst of what it covers', (t) => {
  const held = (hold) => ({ ours: { ...figures(1), hold } })
  const [bar] = heldTo({ check: held(2), stage: held(7), install: held(3) }).filter(
    ({ limit }) => limit === 5,
  )
  t.is(bar.figure, 7)
})

test('who cannot do a job is in its table, with the reason', (t) => {
  const contenders = CONTENDERS.map((contender) =>
    contender.id === 'velopack'
      ? { ...contender, missing: 'it does not load here: no such file' }
      : contender,
  )
  const all = { ...STAGED, electron: { cannot: 'takes a part for the whole' }, fetch: figures(1) }
  const text = tableOf(TASKS.stage, all, contenders)
  const noteOf = (title) => {
    const [, number] = new RegExp(`\\| ${title} \\| cannot <sup>(\\d+)</sup>`).exec(text)
    return new RegExp(`^<sup>${number}</sup> (.*)\\.`, 'm').exec(text)[1]
  }
  t.is(noteOf('velopack'), 'it does not load here: no such file')
  t.is(noteOf('electron-updater'), 'takes a part for the whole')
})

test('everybody has a reason for what they cannot do, or does it', (t) => {
  for (const [id, task] of Object.entries(TASKS))
    for (const contender of inTable(task, CONTENDERS)) {
      const why = whyNot(task, contender)
      t.true(why === undefined || why.length > 0, `${id}: ${contender.id}`)
    }
  const jobs = Object.keys(CONTENDERS.find(({ id }) => id === 'ours').jobs)
  for (const { id, jobs: own, cannot } of CONTENDERS)
    for (const job of jobs) t.true(job in own || job in cannot, `${id}: ${job}`)
})

test('the median counts, and who failed once, cannot', (t) => {
  t.deepEqual(medians([{ wall: 9 }, { wall: 1 }, { wall: 3 }]), { wall: 3 })
  t.is(medians([{ wall: 9 }, { cannot: 'that' }]).cannot, 'that')
})

test('the longest bar of a chart has the largest figure, and text is escaped', (t) => {
  const svg = picture({ stage: STAGED }, [
    { id: 'ours', title: 'us' },
    { id: 'published', title: '<0.2>' },
  ])
  const [first, second] = [...svg.matchAll(/<rect class="(\w+)"[^>]* width="([\d.]+)"/g)]
  t.is(first[1], 'ours')
  t.true(Number(first[2]) < Number(second[2]))
  t.true(svg.includes('&lt;0.2>'))
  t.regex(svg, /prefers-color-scheme: dark/)
})

/** What a client gets that asks a relay for a file, from a byte on, until the connection ends. */
async function fetchFrom(url, start) {
  const request = fetch(url, { headers: { range: `bytes=${start}-` } })
  const parts = []
  try {
    for await (const part of (await request).body) parts.push(part)
    return { whole: true, bytes: Buffer.concat(parts) }
  } catch {
    return { whole: false, bytes: Buffer.concat(parts) }
  }
}

test('the slow link keeps the order of bytes, and is cut once where it was told', async (t) => {
  const file = randomBytes(400_000)
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (request) => {
      const start = Number(/range: bytes=(\d+)/i.exec(request.toString())[1])
      const rest = file.subarray(start)
      socket.end(
        Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: ${rest.length}\r\n\r\n`), rest]),
      )
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const link = await relay(server.address().port, [200_000])
  t.teardown(() => {
    link.stop()
    server.close()
  })
  const first = await fetchFrom(link.url, 0)
  t.false(first.whole)
  t.true(first.bytes.length >= 100_000 && first.bytes.length < file.length, String(first.bytes.length))
  t.deepEqual(first.bytes, file.subarray(0, first.bytes.length))
  const second = await fetchFrom(link.url, first.bytes.length)
  t.true(second.whole)
  t.deepEqual(Buffer.concat([first.bytes, second.bytes]), file)
})
