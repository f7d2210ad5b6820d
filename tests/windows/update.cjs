// The application's own code: update.cjs REQUEST [argument...]. Does what the request says, and notes what happens.
const { appendFileSync, existsSync, readFileSync } = require('node:fs')

const request = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const note = (event, more = {}) => appendFileSync(request.events, JSON.stringify({ event, ...more }) + '\n')
const updater = require(request.addon)

const goes = async () => {
  while (!existsSync(request.go)) await new Promise((resolve) => setTimeout(resolve, 50))
}

if (request.lingers) {
  const exit = process.exit.bind(process)
  process.exit = (code) => (note('asked to exit'), goes().then(() => exit(code)))
}

const ACTS = {
  check: (update) => update,
  install: (update) => update.downloadAndInstall(request.install),
  bytes: async (update) => update.install(await update.download(), request.install),
  stage: (update) => update.stage(),
  async atExit(update) {
    const staged = await update.stage()
    staged.installOnExit(request.install)
    note('scheduled')
    await goes()
  },
  async installThenRelaunch(update) {
    await update.downloadAndInstall(request.install)
    await updater.relaunch(request.relaunch)
  },
  async installThenDiscard(update) {
    const staged = await update.stage()
    await staged.install(request.install)
    await staged.discard()
  },
  async relaunchThenInstall(update) {
    await updater.relaunch(request.relaunch)
    await update.downloadAndInstall(request.install)
  },
}

async function main() {
  if (request.act === 'pending') {
    const staged = await updater.pendingUpdate(request.version, request.options)
    return note('pending', { version: staged?.version ?? null })
  }
  if (request.act === 'relaunch') {
    await updater.relaunch({ ...request.relaunch, args: ['first'] })
    await updater.relaunch(request.relaunch)
    return note('done')
  }
  const update = await updater.checkUpdate(request.version, request.options)
  note('checked', { version: update?.version ?? null, target: update?.target, path: update?.extractPath })
  if (!update) return
  await ACTS[request.act](update)
  note('done')
}

process.on('exit', (code) => note('exit', { code }))
main()
  .catch(({ code, message, option, exitCode }) => note('failed', { code, message, option, exitCode }))
  // What leaves by itself is not held up, and what does not is not taken for it.
  .finally(() => setTimeout(() => note('stayed'), request.lingers ? 1 << 30 : 100))
