// The window of examples/electron, in headless Chromium.

import test from 'ava'

import { installExample } from './electron/application.mjs'
import { startChromium, testInChromium } from './electron/chromium.mjs'
import { STATES, available, downloading, failed, state } from './electron/states.mjs'
import { file, stall } from './support/server.mjs'
import { NEW, OLD } from './support/fixture.mjs'

const NARROW = { width: 320, height: 400 }

const cleanups = []
let chromium

/** One browser for all tests, unless it crashes, and one main process that serves the page. */
async function openWindow(t, options) {
  if (!chromium?.isConnected()) {
    const scope = { teardown: (cleanup) => cleanups.push(cleanup) }
    const example = await installExample(scope)
    chromium = await startChromium(await example.start())
    scope.teardown(() => chromium.close())
  }
  return chromium.open(t, { state: state('idle'), ...options })
}

test.after.always(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup()
})

for (const colorScheme of ['light', 'dark']) {
  for (const [name, [shown, title, buttons]] of Object.entries(STATES)) {
    testInChromium(`${name}, ${colorScheme}`, async (t) => {
      const window = await openWindow(t, { state: shown, colorScheme, reducedMotion: 'reduce' })
      t.is(await window.page.getByRole('status').getByRole('heading').textContent(), title)
      t.deepEqual(await window.buttons(), buttons)
      await window.screenshot(`${name}-${colorScheme}`)
      t.deepEqual(await window.violations(), [])
      t.deepEqual(await window.misplaced(), [])
      await window.page.setViewportSize(NARROW)
      t.deepEqual(await window.misplaced(), [])
      t.deepEqual(window.complaints, [])
      t.deepEqual(window.foreign, [])
    })
  }
}

testInChromium('every button asks for one thing, without arguments', async (t) => {
  const window = await openWindow(t)
  for (const [shown, name, action] of [
    [state('idle'), 'Check for updates', 'check'],
    [available(), 'Download', 'download'],
    [downloading(), 'Cancel', 'cancel'],
    [STATES.ready[0], 'Install on quit', 'installOnQuit'],
    [STATES.ready[0], 'Restart now', 'restart'],
    [STATES['check-failed'][0], 'Try again', 'check'],
    [STATES['download-failed'][0], 'Try again', 'download'],
    [STATES['download-failed'][0], 'Check for updates', 'check'],
    [STATES['restart-failed'][0], 'Try again', 'restart'],
  ]) {
    await window.show(shown)
    await window.button(name).click()
    t.deepEqual(window.asked.splice(0), [[`updates:${action}`]], name)
  }
})

testInChromium('while it looks for updates, the button stays and does nothing', async (t) => {
  const window = await openWindow(t, { state: state('checking') })
  const button = window.button('Check for updates')
  t.true(await button.isDisabled())
  await button.click({ force: true })
  t.deepEqual(window.asked, [])
  await window.show(state('none'))
  await button.click()
  t.deepEqual(window.asked, [['updates:check']])
})

testInChromium('the keyboard alone is enough', async (t) => {
  const window = await openWindow(t)
  const { keyboard } = window.page
  const press = async (button) => {
    while ((await window.focused()) !== button) await keyboard.press('Tab')
    await keyboard.press('Enter')
  }
  await press('Check for updates')
  await window.show(state('checking'))
  t.is(await window.focused(), 'Check for updates')
  await window.show(available())
  await press('Download')
  await window.show(downloading())
  await press('Cancel')
  await window.show(STATES.ready[0])
  await press('Install on quit')
  await window.show(STATES.scheduled[0])
  await press('Restart now')
  t.deepEqual(
    window.asked.map(([channel]) => channel),
    ['check', 'download', 'cancel', 'installOnQuit', 'restart'].map((action) => `updates:${action}`),
  )
})

for (const viewport of [undefined, NARROW]) {
  const title = `who was about to press “Cancel” does not restart the application, ${viewport ? 'narrow' : 'wide'}`
  testInChromium(title, async (t) => {
    const window = await openWindow(t, { state: downloading(), ...(viewport && { viewport }) })
    const place = await window.button('Cancel').boundingBox()
    await window.button('Cancel').focus()
    await window.show(STATES.ready[0])
    t.is(await window.focused(), 'Version 2.0.0 is ready')
    await window.page.keyboard.press('Enter')
    await window.page.mouse.click(place.x + place.width / 2, place.y + place.height / 2)
    t.false(window.asked.flat().includes('updates:restart'))
  })
}

testInChromium('progress is told in numbers, and read out in quarters only', async (t) => {
  const window = await openWindow(t, { state: STATES.starting[0] })
  const bar = window.page.getByRole('progressbar', { name: 'Downloading version 2.0.0…' })
  t.is(await bar.getAttribute('value'), null)
  const announced = []
  for (const percent of [0, 1, 24.9, 25, 31, 50, 74, 75.2, 99, 100]) {
    await window.show(downloading({ percent, transferred: (percent / 100) * 96_400_000 }))
    t.is(Number(await bar.getAttribute('value')), percent)
    announced.push(await window.page.locator('[aria-live=polite]').textContent())
  }
  t.deepEqual([...new Set(announced)], ['0 percent', '25 percent', '50 percent', '75 percent', '100 percent'])
  await window.show(downloading())
  t.true(await window.page.getByText('41.2 MB of 96.4 MB · 6.3 MB/s').isVisible())
  await window.show(downloading({ total: null, percent: null }))
  t.is(await bar.getAttribute('value'), null)
  t.true(await window.page.getByText('41.2 MB · 6.3 MB/s').isVisible())
})

const HOSTILE = `<img src="https://evil.example/x.png" onerror="alert(1)"><script>alert(2)</script>
<iframe srcdoc="<script>alert(3)</script>"></iframe><a href="javascript:alert(4)">&lt;b&gt;</a>\u202e`

testInChromium('what comes from elsewhere is text, whatever it looks like', async (t) => {
  const window = await openWindow(t)
  const elements = () => window.page.evaluate(() => document.querySelectorAll('*').length)
  const usual = await elements()
  await window.show(available({ body: HOSTILE, version: HOSTILE, date: HOSTILE }))
  t.is(await window.page.getByRole('region', { name: 'What is new' }).textContent(), HOSTILE)
  t.is(await elements(), usual)
  await window.screenshot('hostile')
  await window.show(failed('check', HOSTILE, HOSTILE, HOSTILE))
  t.is(await window.page.locator('#message').textContent(), HOSTILE)
  t.is(await elements(), usual)
  t.deepEqual(await window.misplaced(), [])
  t.deepEqual(window.foreign, [])
  t.deepEqual(window.complaints, [])
})

testInChromium('the policy stops what would get past that', async (t) => {
  const window = await openWindow(t)
  const attempts = await window.page.evaluate(async () => {
    const outcome = (action) =>
      Promise.resolve()
        .then(action)
        .then(
          () => 'done',
          (error) => error.name,
        )
    const image = new Image()
    return {
      html: await outcome(() => (document.body.innerHTML += '<b>')),
      // In a task of its own, which is none of the driver's.
      evaluate: await new Promise((resolve) => setTimeout(() => resolve(outcome(() => new Function('1'))))),
      fetch: await outcome(() => fetch('https://evil.example/')),
      image: await new Promise((resolve) => {
        image.onload = () => resolve('done')
        image.onerror = () => resolve('Error')
        image.src = 'https://evil.example/x.png'
      }),
    }
  })
  t.deepEqual(attempts, { html: 'TypeError', evaluate: 'EvalError', fetch: 'TypeError', image: 'Error' })
  t.deepEqual(window.foreign, [])
})

testInChromium('long notes scroll in their place', async (t) => {
  const lines = Array.from({ length: 400 }, (_, index) => `${index}. ${'Long '.repeat(20)}${'x'.repeat(200)}`)
  const window = await openWindow(t, { state: available({ body: lines.join('\n') }), viewport: NARROW })
  t.deepEqual(await window.misplaced(), [])
  t.deepEqual(await window.violations(), [])
  await window.screenshot('long-narrow')
  const notes = window.page.locator('#body')
  t.true(await notes.evaluate((element) => element.scrollHeight > element.clientHeight))
  t.true(await notes.evaluate((element) => element.scrollWidth <= element.clientWidth))
  await window.page.keyboard.press('Tab')
  await window.page.keyboard.press('End')
  await notes.evaluate(async (element) => {
    while (element.scrollTop === 0) await new Promise(requestAnimationFrame)
  })
  t.pass()
})

testInChromium('from the first click to the new version on disk, with the true main process', async (t) => {
  const example = await installExample(t)
  example.publish(NEW, { route: stall(NEW, 200_000), notes: 'What is new' })
  const application = await example.start()
  const invoke = (channel, ...args) => application.invoke(channel.replace('updates:', ''), { args })
  const window = await openWindow(t, { invoke })
  application.onState = (shown) => window.show(shown).catch(() => {})
  await window.button('Check for updates').click()
  await window.page.getByText('What is new', { exact: true }).first().waitFor()
  await window.button('Download').click()
  await window.page.getByText('0.2 MB of 0.3 MB').waitFor()
  await window.button('Cancel').click()
  await window.button('Download').waitFor()
  example.server.routes['/artifact'] = file(NEW)
  await window.button('Download').click()
  await window.button('Restart now').waitFor()
  t.deepEqual(await example.installed(), OLD)
  await window.button('Restart now').click()
  t.is(await application.ended, 0, application.stderr)
  t.deepEqual(await example.installed(), NEW)
  t.deepEqual(window.complaints, [])
})
