// An installed application that looks for updates, one per process or client.
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** `place` tells where the release is, see release.mjs. Gone when the process is. */
export function application(place) {
  const home = mkdtempSync(join(place.directory, 'app-'))
  process.on('exit', () => rmSync(home, { recursive: true, force: true }))
  const executable = join(home, 'App')
  if (place.installed) copyFileSync(place.installed, executable)
  else writeFileSync(executable, 'old', { mode: 0o755 })
  return { place, home, executable }
}

/** What both versions of this package take. */
export function checkOptions({ place, home, executable }) {
  return {
    endpoints: [`${place.feed}/${place.manifest}`],
    pubkey: place.pubkey,
    executablePath: executable,
    dataDir: join(home, 'data'),
  }
}

/** Looks for an update with `check`, and downloads it into memory. */
export const downloadedWith = (check) => async (application) => {
  const update = await check(application)
  return { update, artifact: await update.download() }
}
