import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'

import { CPU, HOLD, WALL, ratio } from '../column.mjs'
import { byWayOf, SMALL_MIB } from '../release.mjs'
import { interleaved } from '../rounds.mjs'
import { whyNot, withHold } from './job.mjs'

/** A process there trusts the authority besides those that Node.js brings: as many as a system has. */
function trusting(directory, authority) {
  const file = join(directory, 'trusted.pem')
  writeFileSync(file, [...rootCertificates, readFileSync(authority, 'utf8')].join('\n'))
  // Node.js has the others already.
  return { SSL_CERT_FILE: file, SSL_CERT_DIR: undefined, NODE_EXTRA_CA_CERTS: authority }
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
