// Headers of compiled files, with what in them tells what they run on.

const ELF = { x64: 0x3e, arm64: 0xb7, arm: 0x28, ia32: 0x03, riscv64: 0xf3 }
const MACH = { x64: 0x01000007, arm64: 0x0100000c }
const PE = { x64: 0x8664, ia32: 0x014c, arm64: 0xaa64 }

export function elf(cpu, { libc = 'glibc', glibc = '2.17' } = {}) {
  const header = Buffer.alloc(64)
  header.write('\x7fELF', 'latin1')
  header.writeUInt16LE(ELF[cpu], 18)
  const strings = {
    glibc: `\0libc.so.6\0GLIBC_2.2.5\0GLIBC_${glibc}\0`,
    musl: '\0libc.so\0',
    'musl of Alpine': '\0libc.musl-x86_64.so.1\0',
    none: '\0malloc\0',
  }
  return Buffer.concat([header, Buffer.from(strings[libc])])
}

export function mach(cpu) {
  const header = Buffer.alloc(32)
  header.writeUInt32LE(0xfeedfacf, 0)
  header.writeUInt32LE(MACH[cpu], 4)
  return header
}

export function pe(cpu, { isLibrary = true, imports = 'KERNEL32.dll' } = {}) {
  const header = Buffer.alloc(256)
  header.write('MZ')
  header.writeUInt32LE(128, 0x3c)
  header.write('PE\0\0', 128)
  header.writeUInt16LE(PE[cpu], 132)
  header.writeUInt16LE(isLibrary ? 0x2022 : 0x0022, 150)
  header.write(`${imports}\0`, 160)
  return header
}
