// What a compiled file runs on, in the words of package.json's `os`, `cpu` and `libc`; read from its headers.

const ELF_MACHINES = { 0x03: 'ia32', 0x28: 'arm', 0x3e: 'x64', 0xb7: 'arm64' }
const MACH_MACHINES = { 0x01000007: 'x64', 0x0100000c: 'arm64' }
const PE_MACHINES = { 0x014c: 'ia32', 0x8664: 'x64', 0xaa64: 'arm64' }
// What a file asks the loader for. One that asks for neither has a C library of its own in it, and runs with no Node.js.
const C_LIBRARIES = { glibc: /\0libc\.so\.6\0/, musl: /\0libc\.(so|musl-\w+\.so\.1)\0/ }
const MACH_64 = 0xfeedfacf
const PE_DLL = 0x2000

/** Throws where the file is none of the three formats, or for a processor that no package is for. */
export function describeBinary(bytes) {
  const description = describeElf(bytes) ?? describeMach(bytes) ?? describePe(bytes)
  if (!description?.cpu) throw new Error('neither ELF, Mach-O nor PE for a processor that is known')
  return description
}

function describeElf(bytes) {
  if (bytes.length < 20 || bytes.toString('latin1', 0, 4) !== '\x7fELF') return
  const text = bytes.toString('latin1')
  const versions = [...text.matchAll(/GLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor))
  return {
    os: 'linux',
    cpu: ELF_MACHINES[bytes.readUInt16LE(18)],
    libc: Object.keys(C_LIBRARIES).find((libc) => C_LIBRARIES[libc].test(text)) ?? 'none',
    ...(versions.length > 0 && { glibcMinor: Math.max(...versions) }),
  }
}

function describeMach(bytes) {
  if (bytes.length < 8 || bytes.readUInt32LE(0) !== MACH_64) return
  return { os: 'darwin', cpu: MACH_MACHINES[bytes.readUInt32LE(4)] }
}

function describePe(bytes) {
  if (bytes.length < 64 || bytes.toString('latin1', 0, 2) !== 'MZ') return
  const header = bytes.readUInt32LE(0x3c)
  if (bytes.length < header + 24 || bytes.toString('latin1', header, header + 4) !== 'PE\0\0') return
  return {
    os: 'win32',
    cpu: PE_MACHINES[bytes.readUInt16LE(header + 4)],
    isLibrary: (bytes.readUInt16LE(header + 22) & PE_DLL) !== 0,
    // The C runtime is not part of Windows: an application that does not install it could not load the file.
    needsRuntime: /vcruntime\d/i.test(bytes.toString('latin1')),
  }
}
