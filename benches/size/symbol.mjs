// A symbol of the addon, and whose it is.
import { libraryOf } from './library.mjs'

export const OTHER = 'other'

const SOURCE_FILE = /^[\da-f]+ a (.*)$/
const SIZED = /^[\da-f]+ ([\da-f]+) (\w) (.*)$/
/** Takes no space in the file. */
const ZEROED = /b/i

/** Where a path begins: neither within one, nor within a word. */
const CRATE = /(?<![\w:])([a-z_]\w*)::/g
const STANDARD = ['core', 'alloc', 'std']
/** A method of a primitive type, like `<str>::trim`. */
const PRIMITIVE = /^<[^:]+>::/
/** Of Rust: a unit of code generation, `crate.hash-cgu.number`. */
const UNIT = /^(\w+)\.\w+-cgu\.\d+$/
/** Names that do not tell the crate. */
const WITHOUT_CRATE = { __rustc: 'std', rust_eh_personality: 'std', napi_register_module_v1: 'napi' }

/** What `nm -a -p -S -C` lists: in the order of the symbol table, where the locals of a source file come after its name. */
export function symbols(listing) {
  const found = []
  let file = ''
  for (const line of listing.split('\n')) {
    file = SOURCE_FILE.exec(line)?.[1] ?? file
    const [, size, kind, name] = SIZED.exec(line) ?? []
    if (name && !ZEROED.test(kind)) found.push({ name, file, size: Number.parseInt(size, 16) })
  }
  return found
}

/** The crate or C library that a symbol is of; of generic code for the crate that is named, where one is. */
export function attribute({ name, file }) {
  const crate = crateIn(name)
  if (crate) return WITHOUT_CRATE[crate] ?? crate
  if (PRIMITIVE.test(name)) return 'core'
  return WITHOUT_CRATE[name] ?? libraryOf({ name, file }) ?? unitOf(file) ?? OTHER
}

function crateIn(name) {
  const crates = [...name.matchAll(CRATE)].map(([, crate]) => crate)
  return crates.find((crate) => !STANDARD.includes(crate)) ?? crates[0]
}

const unitOf = (file) => UNIT.exec(file)?.[1]
