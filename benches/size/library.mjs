// What is not Rust. What a library exports has a prefix; what is local to one of its files often has none, and is known by
// the file. Assembly has no file of its own.
const LIBRARIES = [
  {
    title: 'ring: C and assembly',
    names: /^(ring_core_|ecp_|p256|p384|fiat_|x25519_|aes|bn_|CRYPTO_|OPENSSL_|LIMBS?_)/,
    files:
      /^(p256-nistz|ecp_nistz|gfp_p\d+|curve25519\w*|poly1305|limbs|montgomery\w*|aes_nohw|cpu_\w+|crypto|mem)\.c$/,
  },
  {
    title: 'zstd (C)',
    names: /^_?(ZSTD|HUF|FSE|HIST|XXH\d*)_/,
    files: /^(zstd_\w+|huf_\w+|fse_\w+|hist|entropy_common|error_private)\.c$/,
  },
  {
    title: 'liblzma (C)',
    names: /^lzma_/,
    files:
      /^(lz_|lzma2?_|index|block_|stream_|filter_|simple_|delta_|vli_|crc\d+_fast|fastpos_|price_|common|check|sha256|x86|arm|ia64|powerpc|riscv|sparc)\w*\.c$/,
  },
  {
    title: 'zlib (C)',
    names: /^(deflate|inflate|crc32|adler32|zlib|_tr_)/,
    files: /^(deflate|inflate|inftrees|inffast|trees|crc32|adler32|zutil)\.c$/,
  },
  {
    title: 'libdivsufsort (C)',
    names: /^(divsufsort|sssort|trsort)/,
    files: /^(divsufsort|sssort|trsort)\.c$/,
  },
]

/** The title of the C library that a symbol without a crate is of, if any. */
export function libraryOf({ name, file }) {
  const own =
    LIBRARIES.find(({ names }) => names.test(name)) ?? LIBRARIES.find(({ files }) => files.test(file))
  return own?.title
}
