// What the sections of an ELF file take.

const SECTION = /^ *\[ *\d+\] (\S+) +(\S+) +[\da-f]+ +[\da-f]+ +([\da-f]+)/
/** Takes no space in the file. */
const ZEROED = 'NOBITS'

const GROUPS = [
  ['`.text`: code', /^\.text$/],
  ['`.rodata`: constants', /^\.rodata$/],
  [
    '`.eh_frame`, `.eh_frame_hdr`, `.gcc_except_table`: unwinding',
    /^\.(eh_frame|eh_frame_hdr|gcc_except_table)$/,
  ],
  ['`.rel*`: relocations', /^\.rel[ar]?\./],
]

/** [title, bytes] of a file of so many bytes, of whose sections `readelf -SW` lists these; together they are all of it. */
export function sections(listing, bytes) {
  const found = listing
    .split('\n')
    .map((line) => SECTION.exec(line))
    .filter((section) => section && section[2] !== ZEROED)
    .map(([, name, , size]) => ({ name, size: Number.parseInt(size, 16) }))
  const groups = GROUPS.map(([title, names]) => [
    title,
    found.filter(({ name }) => names.test(name)).reduce((sum, { size }) => sum + size, 0),
  ])
  const rest = groups.reduce((left, [, size]) => left - size, bytes)
  return [...groups, ['rest: data with addresses, what the loader reads, headers', rest]]
}
