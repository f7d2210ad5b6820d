// What `npm run bench` and `npm run bench:size` say of their figures, and the slow link that the former measures with.
import { createServer } from 'node:net'
import { once } from 'node:events'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import test from 'ava'

import { owners, report as sizeReport, shareOfOther } from '../benches/size/report.mjs'
import { sections } from '../benches/size/sections.mjs'
import { attribute, symbols } from '../benches/size/symbol.mjs'
import { heldTo } from '../benches/update/bar.mjs'
import { picture } from '../benches/update/chart.mjs'
import { CONTENDERS } from '../benches/update/contender.mjs'
import { medians } from '../benches/update/meter.mjs'
import { relay } from '../benches/update/relay.mjs'
import { report, tableOf } from '../benches/update/report.mjs'
import { inTable, TASKS, whyNot } from '../benches/update/task.mjs'
import { ROOT } from '../scripts/steps.mjs'

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
  const holds = { check: held(2), secure: held(1), stage: held(7), install: held(3) }
  const [bar] = heldTo(holds).filter(({ limit }) => limit === 5)
  t.is(bar.figure, 7)
})

test('what require() leaves to the first check is told with it', (t) => {
  const pair = (ours, published) => ({ ours: figures(ours), published: figures(published) })
  const told = (results) => heldTo(results).filter(({ title }) => title.includes('and the first check'))
  const [plain, secure] = told({ load: pair(1, 2), check: pair(3, 2), secure: pair(2, 8) })
  t.deepEqual([plain.figure, secure.figure], [1, 0.3])
  t.deepEqual(
    told({ load: pair(1, 2) }).map(({ figure }) => figure),
    [undefined, undefined],
  )
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

const OWNERS = {
  'a path': ['url::host::parse_ipv6addr', 'url'],
  'drop glue of a type': [
    'core::ptr::drop_in_place<alloc::vec::Vec<clap_builder::builder::Command>>',
    'clap_builder',
  ],
  'drop glue of a type, mangled the newer way': ['core::ptr::drop_in_place::<h2::codec::Partial>', 'h2'],
  'a trait of core, by a crate': ['<hyper::proto::H2 as core::future::future::Future>::poll', 'hyper'],
  'a trait of a crate, by a type of alloc': [
    '<alloc::vec::Vec<T> as rustls::msgs::codec::Codec>::read',
    'rustls',
  ],
  'a trait of a crate, by any type': [
    '<P as clap_builder::builder::AnyValueParser>::clone_any',
    'clap_builder',
  ],
  'a module that is called like a crate': ['tokio::runtime::task::core::Cell<T>::new', 'tokio'],
  'a closure': ['<ring::rsa::Key>::verify::{closure#0}', 'ring'],
  'generic code for nobody who is named': ['<&T as core::fmt::Debug>::fmt', 'core'],
  'a method of a primitive type': ['<str>::trim_matches::<<char>::is_whitespace>', 'core'],
  'the standard library': ['std::thread::current::id::ID', 'std'],
  'its runtime': ['rust_eh_personality', 'std'],
  'the entry of the addon': ['napi_register_module_v1', 'napi'],
  'an intrinsic': ['__umodti3', 'compiler_builtins', 'compiler_builtins.4e30281dd23088d2-cgu.109'],
  assembly: ['ring_core_0_17_14__ChaCha20_ctr32_avx2', 'ring: C and assembly', 'crtstuff.c'],
  'a table of ring': ['ecp_nistz256_precomputed', 'ring: C and assembly'],
  zstd: ['ZSTD_compressBlock_fast', 'zstd (C)'],
  liblzma: ['lzma_crc64_table', 'liblzma (C)'],
  zlib: ['inflate_fast', 'zlib (C)'],
  'a local of a C file': ['bt_skip_func', 'liblzma (C)', 'lz_encoder_mf.c'],
  'what nobody knows': ['frobnicate', 'other', 'frobnicate.c'],
}
for (const [title, [name, owner, file = '']] of Object.entries(OWNERS))
  test(`a symbol is told whose it is: ${title}`, (t) => t.is(attribute({ name, file }), owner))

const NM = `0000000000000000 a trees.c
0000000000001000 0000000000000064 t build_tree
0000000000002000 t without_a_size
0000000000003000 0000000000001000 b buffer
0000000000000000 a updater.db9f8e141cc3549c-cgu.0
0000000000004000 0000000000002694 t rustls::client::tls13::emit
0000000000005000 0000000000000008 r url::TABLE
`
const READELF = `Section Headers:
  [Nr] Name              Type            Address          Off    Size   ES Flg Lk Inf Al
  [ 0]                   NULL            0000000000000000 000000 000000 00      0   0  0
  [ 7] .rela.dyn         RELA            0000000000001f90 001f90 000018 18   A  2   0  8
  [ 8] .rodata           PROGBITS        0000000000059000 059000 000020 00 AMS  0   0 4096
  [ 9] .eh_frame_hdr     PROGBITS        00000000000ef2a8 0ef2a8 000004 00   A  0   0  4
  [10] .eh_frame         PROGBITS        0000000000100180 100180 000006 00   A  0   0  8
  [11] .text             PROGBITS        000000000016fac0 16eac0 000100 00  AX  0   0 64
  [12] .bss              NOBITS          0000000000586cc0 583cc0 001000 00  WA  0   0  8
`

test('a symbol of the addon has a size and takes space, and comes after the name of its file', (t) => {
  t.deepEqual(owners(symbols(NM)), [
    ['rustls', 0x2694],
    ['zlib (C)', 0x64],
    ['url', 8],
  ])
})

test('the sections of the addon and the rest are all of the file', (t) => {
  const bytes = Object.fromEntries(
    sections(READELF, 1000).map(([title, size]) => [title.split(':')[0], size]),
  )
  t.is(bytes['`.text`'], 0x100)
  t.is(bytes['`.eh_frame`, `.eh_frame_hdr`, `.gcc_except_table`'], 10)
  t.is(bytes['`.rel*`'], 0x18)
  t.is(bytes.rest, 1000 - 0x100 - 0x20 - 10 - 0x18)
})

test('the report of the size adds up, with what is small in one row', (t) => {
  const text = sizeReport({
    owners: owners(symbols(NM)),
    sections: sections(READELF, 1000),
    rustc: 'rustc 1.95.0',
    platform: 'linux x64',
    date: new Date(0),
  })
  t.regex(text, /^- 1970-01-01, linux x64, rustc 1\.95\.0$/m)
  t.regex(text, /\| 1 of less than 0\.1 % \| 8 \|/)
  const counted = text.split('\n\n').filter((part) => part.startsWith('|'))
  const sums = counted.map((part) => {
    const rows = [...part.matchAll(/^\| .* \| ([\d,]+) \| [\d.]+ % \|$/gm)].map(([, bytes]) =>
      Number(bytes.replaceAll(',', '')),
    )
    const all = rows.pop()
    t.is(
      rows.reduce((sum, bytes) => sum + bytes, 0),
      all,
    )
    return all
  })
  t.deepEqual(sums, [1000, 0x2694 + 0x64 + 8])
})

test('how much of the addon is of nobody is known', (t) => {
  t.is(
    shareOfOther([
      ['url', 97],
      ['other', 3],
    ]),
    0.03,
  )
  t.is(shareOfOther([['url', 97]]), 0)
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

/** What a profile says, by the package that it says it of. */
function profile(manifest, name) {
  const sections = readFileSync(join(ROOT, manifest), 'utf8').split(/^\[/m)
  const ofProfile = new RegExp(`^profile\\.${name}(\\.package\\.([\\w-]+))?\\]\\n`)
  const found = sections.flatMap((section) => {
    const [head, , title = 'all'] = ofProfile.exec(section) ?? []
    const lines = section.split('\n').filter((line) => /^[\w-]+ = /.test(line))
    return head ? [[title, lines.filter((line) => !line.startsWith('strip')).join('\n')]] : []
  })
  return Object.fromEntries(found)
}

test('what the micro-benchmarks measure is compiled as it is released', (t) => {
  const released = profile('Cargo.toml', 'release')
  const measured = profile('benches/micro/Cargo.toml', 'bench')
  t.true(Object.keys(measured).length > 5)
  for (const [title, lines] of Object.entries(measured)) t.is(lines, released[title], title)
})
