import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'

import { CPU, HOLD, WALL, ratio } from '../column.mjs'
import { byWayOf, SMALL_MIB } from '../release.mjs'
import { interleaved } from '../rounds.mjs'
import { whyNot, withHold } from './job.mjs'

/**
 * A process there trusts the authority besides those that Node.js brings, as it does on Debian: in one file, and each in one
 * of a directory. Without a directory here, 0.2.x would read the system's.
 */
function trusting(directory, authority) {
  const all = [...rootCertificates, readFileSync(authority, 'utf8')]
  const [file, each] = [join(directory, 'trusted.pem'), join(directory, 'trusted')]
  writeFileSync(file, all.join('\n'))
  mkdirSync(each)
  // Called what OpenSSL would call them: by a hash. Others are passed over.
  for (const [at, text] of all.entries()) writeFileSync(join(each, `${String(at).padStart(8, '0')}.0`), text)
  // Node.js has all but one already.
  return { SSL_CERT_FILE: file, SSL_CERT_DIR: each, NODE_EXTRA_CA_CERTS: authority }
}

function securePlace({ directory, place, server }) {
  const { url, authority } = server.secure
  const there = byWayOf(place(SMALL_MIB), url, 'secure.json')
  return { ...there, feed: there.files, environment: trusting(directory, authority) }
}

export const secure = {
  title: 'checkUpdate() over TLS: the first call of a process',
  columns: [WALL, ratio('÷ 0.2.x', 'wall', 'published'), CPU, ratio('÷ 0.2.x', 'cpu', 'published'), HOLD],
  notes: 'check',
  whyNot: (contender) => contender.cannot?.['check over TLS'] ?? whyNot('check')(contender),
  run(bench) {
    const there = securePlace(bench)
    return interleaved(bench.rounds, bench.contenders, (contender) =>
      withHold(contender, 'job:check', 'check', there),
    )
  },
}
