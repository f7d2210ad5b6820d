// Certificates for servers of this machine.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

const KEY = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
const EXTENSIONS = 'subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n'
const COMMANDS = [
  `req -x509 ${KEY} -keyout ca.key -out ca.pem -days 2 -subj /CN=Test`,
  `req ${KEY} -keyout server.key -out server.csr -subj /CN=127.0.0.1`,
  'x509 -req -in server.csr -out server.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions',
]

/** Makes a certificate authority, `ca.pem`, and under it `server.pem` and `server.key` of 127.0.0.1. */
export function makeCertificates(directory) {
  writeFileSync(join(directory, 'extensions'), EXTENSIONS)
  for (const command of COMMANDS)
    execFileSync('openssl', command.split(' '), { cwd: directory, stdio: 'pipe' })
}
