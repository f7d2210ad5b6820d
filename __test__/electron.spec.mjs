// The main process of examples/electron, with a stand-in for Electron, against a real server.

import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'

import { EXAMPLE, installExample } from './electron/application.mjs'
import { age, createArtifact, wasTouched } from './readme/project.mjs'
import { eventually } from './readme/programs.mjs'
import { NEW, OLD } from './support/fixture.mjs'
import { stall, status } from './support/server.mjs'
import { keyPair, sign } from './support/signer.mjs'

const ACTIONS = ['check', 'download', 'cancel', 'restart', 'installOnQuit']

test('check, download, restart: the new version is installed, and started when the application has quit', async (t) => {
  const example = await installExample(t)
  const artifact = join(example.dir, 'new', 'app.AppImage')
  const script = join(example.sources, 'main.mjs')
  const bytes = executable(artifact)
  example.publish(bytes, { notes: 'What is new' })
  const application = await example.start()
  t.deepEqual(await application.invoke('state'), state('idle'))

  const { update } = await application.after('check', 'available')
  t.is(update.version, '2.0.0')
  t.is(update.body, 'What is new')
  t.is(update.extractPath, example.app)

  const ready = await application.after('download', 'ready')
  t.deepEqual(ready, state('ready', { update }))
  const progress = application.states().flatMap((each) => each.progress ?? [])
  t.deepEqual([...new Set(progress.map(({ phase }) => phase))], ['download', 'verify'])
  t.is(progress.at(-1).percent, 100)
  t.deepEqual(await example.installed(), OLD)

  age(script)
  await application.invoke('restart')
  t.is(await application.ended, 0, application.stderr)
  t.deepEqual(await example.installed(), bytes)
  t.deepEqual(application.states().at(-1), state('installing', { update }))
  t.deepEqual(application.kinds().slice(-1), ['quit'])
  t.false(application.kinds().includes('wrong'))
  // What is started is the new application, with the arguments of the old one, of which the first is its script.
  await eventually(() => wasTouched(script))
})

test('where there is nothing newer, that is said', async (t) => {
  const example = await installExample(t)
  example.publish(NEW, { version: '1.0.0' })
  const application = await example.start()
  t.deepEqual(await application.after('check', 'none'), state('none'))
})

test('what an earlier run has downloaded is ready at the start, without network', async (t) => {
  const example = await installExample(t)
  const first = await example.start()
  await first.after('check', 'available')
  await first.after('download', 'ready')
  await first.order('close')
  t.is(await first.ended, 0, first.stderr)
  t.deepEqual(await example.installed(), OLD)
  example.server.routes['/latest.json'] = status(500)

  const asked = example.server.requests.length
  const second = await example.start()
  t.deepEqual(await second.invoke('state'), state('ready', { update: { version: '2.0.0' } }))
  await second.invoke('restart')
  t.is(await second.ended, 0, second.stderr)
  t.deepEqual(await example.installed(), NEW)
  t.is(example.server.requests.length, asked)
})

test('“install on quit” installs when the application quits, and starts nothing', async (t) => {
  const example = await installExample(t)
  const script = join(example.sources, 'main.mjs')
  const bytes = executable(join(example.dir, 'new', 'app.AppImage'))
  example.publish(bytes)
  const application = await example.start()
  await application.after('check', 'available')
  const { update } = await application.after('download', 'ready')
  t.deepEqual(await application.after('installOnQuit', 'scheduled', 'error'), state('scheduled', { update }))
  t.deepEqual(await example.installed(), OLD)
  age(script)
  await application.order('close')
  t.is(await application.ended, 0, application.stderr)
  t.deepEqual(await example.installed(), bytes)
  t.false(wasTouched(script))
})

test('who does not want to wait until then can still restart now', async (t) => {
  const example = await installExample(t)
  const application = await example.start()
  await application.after('check', 'available')
  await application.after('download', 'ready')
  await application.after('installOnQuit', 'scheduled', 'error')
  await application.invoke('restart')
  t.is(await application.ended, 0, application.stderr)
  t.deepEqual(await example.installed(), NEW)
})

test('a cancelled download can be started again, and goes on from where it was', async (t) => {
  const example = await installExample(t)
  example.publish(NEW, { route: stall(NEW, 200_000) })
  const application = await example.start()
  const available = await application.after('check', 'available')
  await application.invoke('download')
  await application.until(
    ({ kind, value }) => kind === 'sent' && value.args[0].progress?.transferred >= 200_000,
  )
  t.deepEqual(await application.after('cancel', 'available', 'error'), available)

  example.publish(NEW)
  example.server.requests.length = 0
  await application.after('download', 'ready')
  t.regex(example.server.requestsOf('/artifact')[0].headers.range, /^bytes=\d+-$/)
})

test('what somebody else signed is refused, with its code and in plain words', async (t) => {
  const example = await installExample(t)
  example.publish(NEW, { signature: sign(keyPair('somebody else'), NEW) })
  const application = await example.start()
  await application.after('check', 'available')
  const { error } = await application.after('download', 'error', 'ready')
  t.is(error.code, 'ERR_UPDATER_SIGNATURE_MISMATCH')
  t.is(error.action, 'download')
  t.regex(error.text, /refused.* Nothing was changed/)
  await application.invoke('restart')
  t.is((await application.invoke('state')).step, 'error')
  t.deepEqual(await example.installed(), OLD)
})

test('what goes wrong is shown, and can be tried again', async (t) => {
  const example = await installExample(t)
  example.server.routes['/latest.json'] = status(503)
  const application = await example.start()
  const { error } = await application.after('check', 'error')
  t.is(error.code, 'ERR_UPDATER_HTTP_STATUS')
  t.is(error.action, 'check')
  t.regex(error.message, /status 503/)
  example.publish(NEW)
  t.is((await application.after('check', 'available')).error, null)
})

test('one thing is done at a time, and nothing before its turn', async (t) => {
  const example = await installExample(t)
  const application = await example.start()
  for (const action of ['download', 'cancel', 'restart', 'installOnQuit']) await application.invoke(action)
  t.deepEqual(await application.invoke('state'), state('idle'))

  await Promise.all(Array.from({ length: 5 }, () => application.invoke('check')))
  await application.until(({ kind, value }) => kind === 'sent' && value.args[0].step === 'available')
  t.is(example.server.requestsOf('/latest.json').length, 1)

  example.publish(NEW, { route: stall(NEW, 100_000) })
  await application.invoke('download')
  await application.until(({ kind, value }) => kind === 'sent' && value.args[0].progress)
  for (const action of ['download', 'check', 'restart']) await application.invoke(action)
  t.is((await application.invoke('state')).step, 'downloading')
  t.is(example.server.requestsOf('/artifact').length, 1)
})

test('nobody but the page itself is answered', async (t) => {
  const example = await installExample(t)
  const application = await example.start()
  for (const from of ['frame', 'elsewhere', 'gone', 'stranger']) {
    for (const action of ['state', ...ACTIONS]) {
      await t.throwsAsync(application.invoke(action, { from }), { message: 'refused' }, `${from} ${action}`)
    }
  }
  t.deepEqual(await application.invoke('state'), state('idle'))
  t.is(example.server.requests.length, 0)
})

test('the channels are few, and take no arguments', async (t) => {
  const example = await installExample(t)
  const application = await example.start()
  const channels = ['state', ...ACTIONS].map((action) => `updates:${action}`)
  t.deepEqual(await application.order('channels'), channels)
  const args = [{ endpoints: ['http://127.0.0.1:1/'] }, 'https://example.com/']
  t.is(await application.invoke('check', { args }), undefined)
  await application.until(({ kind, value }) => kind === 'sent' && value.args[0].step === 'available')
  t.is(example.server.requestsOf('/latest.json').length, 1)
})

test('the window is isolated, in the sandbox, and leads nowhere', async (t) => {
  const example = await installExample(t)
  const application = await example.start()
  const { webPreferences } = application.told.find(({ kind }) => kind === 'window').value
  t.deepEqual(webPreferences, {
    preload: join(example.sources, 'preload.cjs'),
    contextIsolation: true,
    nodeIntegration: false,
    sandbox: true,
  })
  t.is(application.kinds()[0], 'sandboxed')
  t.true(await application.order('navigate', { name: 'will-navigate' }))
  t.true(await application.order('navigate', { name: 'will-attach-webview' }))
  t.deepEqual(await application.order('openWindow'), { action: 'deny' })
  t.false(await application.order('permission'))
})

test('the page is three files, with a policy that allows nothing else', async (t) => {
  const example = await installExample(t)
  const application = await example.start()
  t.deepEqual(await application.order('privileged'), [
    { scheme: 'app', privileges: { standard: true, secure: true } },
  ])
  const url = application.told.find(({ kind }) => kind === 'loaded').value
  const { status, headers, body } = await application.order('fetch', { url })
  t.is(status, 200)
  t.is(headers['content-type'], 'text/html; charset=utf-8')
  t.is(headers['content-security-policy'].split('; ')[0], "default-src 'none'")
  t.false(/unsafe|https?:|data:|\*/.test(headers['content-security-policy']))
  t.is(body, readFileSync(join(EXAMPLE, 'window/index.html'), 'utf8'))
  for (const path of ['main.mjs', '../main.mjs', '%2e%2e/main.mjs', '', 'index.html?x', '/etc/passwd']) {
    t.is((await application.order('fetch', { url: `app://window/${path}` })).status, 404, path)
  }
})

test('on macOS a download goes on when the window is closed, and the next window shows it', async (t) => {
  const example = await installExample(t)
  let goOn
  example.publish(NEW, {
    route: (_, response) => {
      response.writeHead(200, { 'content-length': NEW.length }).write(NEW.subarray(0, 100_000))
      goOn = () => response.end(NEW.subarray(100_000))
    },
  })
  const application = await example.start()
  await application.order('pretendToBe', { platform: 'darwin' })
  await application.after('check', 'available')
  await application.invoke('download')
  await application.until(({ kind, value }) => kind === 'sent' && value.args[0].progress)
  await application.order('close')
  goOn()
  await application.order('emit', { name: 'activate' })
  // It may have come to its end while there was no window to tell.
  await eventually(async () => (await application.invoke('state')).step === 'ready')
  t.is(application.kinds().filter((kind) => kind === 'window').length, 2)
})

test('starting it twice brings the window to the front', async (t) => {
  const example = await installExample(t)
  const application = await example.start()
  const focused = () => application.kinds().filter((kind) => kind === 'focused').length
  const before = focused()
  await application.order('emit', { name: 'second-instance' })
  t.is(focused(), before + 1)
  t.is(application.kinds().filter((kind) => kind === 'window').length, 1)
})

test('a second copy leaves at once', async (t) => {
  const example = await installExample(t)
  const application = await example.start({ isFirst: false })
  t.is(await application.ended, 0, application.stderr)
  t.deepEqual(application.kinds(), ['quit'])
})

test('from its sources the application does not install: that would replace the Electron in node_modules', async (t) => {
  const example = await installExample(t)
  const application = await example.start({ isPackaged: false })
  await application.after('check', 'available')
  await application.after('download', 'ready')
  const { error } = await application.after('restart', 'error', 'installing')
  t.is(error.code, 'ERR_UPDATER_NOT_UPDATABLE')
  t.deepEqual(await example.installed(), OLD)
})

const state = (step, more) => ({
  step,
  currentVersion: '1.0.0',
  update: null,
  progress: null,
  error: null,
  ...more,
})

function executable(path) {
  mkdirSync(join(path, '..'))
  createArtifact(path)
  return readFileSync(path)
}
