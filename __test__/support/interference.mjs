// Calls of the package whose arguments are changed, transferred, detached and resized while they are being read, and as
// soon as the call has returned; on the main thread and in workers.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { MessageChannel, Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'

import * as updater from '../../index.js'
import { appImage } from './artifact.mjs'
import { Random } from './rounds.mjs'

const OLD = appImage('old')
const NEW = appImage('small', 20_000)
const THROWN = { thrown: 'by a callback' }
const REASON = { aborted: 'by a signal' }

/** Acts as the first one here, and as the others in workers. */
export async function act([first, ...others]) {
  const workers = others.map((workerData) => new Worker(fileURLToPath(import.meta.url), { workerData }))
  const ends = workers.map(
    (worker) =>
      new Promise((resolve, reject) => {
        worker.on('error', reject)
        worker.on('exit', (code) =>
          code === 0 ? resolve() : reject(new Error(`a worker ended with ${code}`)),
        )
      }),
  )
  await Promise.all([new Actor(first).act(), ...ends])
}

class Actor {
  constructor({ app, program, options, seed, runs }) {
    Object.assign(this, { app, program, options, seed, runs, random: new Random(seed) })
    this.calls = isMainThread ? CALLS : CALLS.filter((call) => !ONLY_ON_THE_MAIN_THREAD.includes(call))
    /** What was begun from within other calls. */
    this.aside = []
  }

  async act() {
    for (let run = 0; run < this.runs; run += 1) {
      const call = this.random.pick(this.calls)
      this.isRude = this.random.once(2)
      try {
        await call(this)
      } catch (error) {
        throw new Error(`run ${run} of ${this.seed}: ${call.name}, ${this.isRude ? 'rude' : 'late'}`, {
          cause: error,
        })
      }
      if (this.random.once(8)) globalThis.gc()
    }
    console.log('done')
  }

  /** Whole, whatever happened. */
  installed() {
    const installed = readFileSync(this.app)
    assert.ok(installed.equals(OLD) || installed.equals(NEW), `${installed.length} bytes of something else`)
    return installed.equals(NEW)
  }

  async update() {
    await Promise.all(this.aside.splice(0))
    // What was installed by an earlier call would not be offered again.
    writeFileSync(this.app, OLD)
    const update = await updater.checkUpdate('1.0.0', this.options)
    assert.ok(update instanceof updater.Update)
    return update
  }

  /**
   * An object that has each value only for whoever reads it once. Where the actor is rude, one of them calls `spoil`
   * while it is read.
   */
  once(values, spoil) {
    const when = this.isRude ? this.random.below(Object.keys(values).length) : -1
    const object = {}
    Object.entries(values).forEach(([key, value], index) => {
      let reads = 0
      Object.defineProperty(object, key, {
        enumerable: true,
        configurable: true,
        get: () => {
          reads += 1
          if (this.random.once(20)) globalThis.gc()
          if (index === when) spoil('rude')
          return reads === 1 ? value : Symbol('read again')
        },
      })
    })
    return object
  }

  /** What a call that nobody disturbed comes to, or how it is refused. */
  async settle(promise, isExpected) {
    try {
      return { value: await promise }
    } catch (error) {
      assert.ok(isExpected(error), error)
      return { error }
    }
  }
}

/** A panic has a code as well. */
const isUpdaterError = (error) =>
  error instanceof Error && /^ERR_UPDATER_/.test(error.code) && !/panicked/.test(error.message)
const isRefusal = (error) =>
  ['ERR_UPDATER_INVALID_OPTION', 'ERR_UPDATER_SIGNATURE_MISMATCH'].includes(error?.code)

async function check(actor) {
  const { endpoints, pubkey } = actor.options
  const given = {
    endpoints: [...endpoints],
    pubkey: [pubkey],
    manifestPubkeys: [pubkey],
    headers: { 'X-Run': 'captured', 'X-Other': 'other' },
    downloadHeaders: { 'X-Run': 'captured' },
    windows: { installerArgs: ['/captured'], installMode: 'quiet' },
    executablePath: actor.options.executablePath,
    dataDir: actor.options.dataDir,
    timeout: 20_000,
  }
  const spoil = (what) => {
    given.endpoints[0] = new URL(`/${what}`, endpoints[0]).href
    if (actor.random.once(2)) given.endpoints.length = 0
    given.pubkey.fill(what)
    given.manifestPubkeys.length = actor.random.below(3)
    given.headers['X-Run'] = given.downloadHeaders['X-Run'] = what
    delete given.headers['X-Other']
    given.windows.installerArgs.push(what)
    given.windows.installMode = what
    Object.setPrototypeOf(given.headers, null)
  }
  const options = actor.once(given, spoil)
  const call = actor.random.pick(['checkUpdate', 'pendingUpdate'])
  const promise = updater[call](
    '1.0.0',
    options,
    call === 'checkUpdate' ? actor.once({ signal: undefined }, spoil) : 0,
  )
  spoil('late')
  for (const key of Object.keys(options)) delete options[key]
  const { value, error } = await actor.settle(promise, actor.isRude ? isUpdaterError : () => false)
  if (error || call === 'pendingUpdate' || (value === null && actor.installed())) return
  if (actor.isRude) return
  assert.equal(value.version, '2.0.0')
  assert.deepEqual(value.pubkey, [pubkey])
  assert.deepEqual({ ...value.headers }, { 'X-Run': 'captured', 'X-Other': 'other' })
  assert.deepEqual(value.windows, { installerArgs: ['/captured'], installMode: 'quiet' })
  assert.equal(value.timeout, 20_000)
}

/** Arrays that change while they are read. */
async function arrays(actor) {
  const strings = [...actor.options.endpoints, ...actor.options.endpoints, ...actor.options.endpoints]
  const shrinking = [...strings]
  Object.defineProperty(shrinking, actor.random.below(3), {
    get: () => {
      shrinking.length = actor.random.below(3)
      globalThis.gc()
      return strings[0]
    },
    configurable: true,
  })
  const lying = new Proxy(strings, {
    get: (array, key) => {
      if (key === 'length') return actor.random.pick([0, 1, 4, 2 ** 32 - 1, -1, NaN])
      if (actor.random.once(3)) array.length = 0
      return Reflect.get(array, key)
    },
    ownKeys: () => actor.random.pick([[], ['length'], ['length', '0']]),
  })
  const members = new Proxy(
    { a: 'b' },
    {
      ownKeys: () => actor.random.pick([['a'], ['a', 'c'], [], ['\0', 'a']]),
      getOwnPropertyDescriptor: () => ({ value: 'x', enumerable: true, configurable: true }),
      get: () => actor.random.pick(['b', undefined, 7, THROWN]),
    },
  )
  for (const more of [
    { endpoints: shrinking },
    { endpoints: lying },
    { headers: members },
    { pubkey: lying },
  ]) {
    await actor.settle(updater.checkUpdate('1.0.0', { ...actor.options, ...more }), isUpdaterError)
  }
}

const filled = (buffer) => {
  new Uint8Array(buffer).set(NEW)
  return buffer
}

/** What holds the artifact's bytes. */
const CONTAINERS = [
  () => filled(new ArrayBuffer(NEW.length)),
  () => new Uint8Array(filled(new ArrayBuffer(NEW.length))),
  () => Buffer.from(NEW),
  () => Buffer.concat([Buffer.alloc(7), NEW, Buffer.alloc(9)]).subarray(7, 7 + NEW.length),
  () => filled(new ArrayBuffer(NEW.length, { maxByteLength: 2 * NEW.length })),
  () => new Uint8Array(filled(new ArrayBuffer(NEW.length, { maxByteLength: 2 * NEW.length }))),
  () => new Uint8Array(filled(new ArrayBuffer(NEW.length, { maxByteLength: 2 * NEW.length })), 0, NEW.length),
]

const bufferOf = (bytes) => (bytes instanceof ArrayBuffer ? bytes : bytes.buffer)

/** What can be done to the memory. */
const SPOILERS = [
  (buffer) => new Uint8Array(buffer).fill(0),
  (buffer) => structuredClone(buffer, { transfer: [buffer] }),
  (buffer) => {
    const { port1, port2 } = new MessageChannel()
    port1.postMessage(buffer, [buffer])
    port1.close()
    port2.close()
  },
  (buffer) => buffer.transfer?.(),
  (buffer) => buffer.resizable && buffer.resize(0),
  (buffer) => buffer.resizable && buffer.resize(NEW.length - 1),
  (buffer) => buffer.resizable && buffer.resize(2 * NEW.length),
  () => {},
]

async function installBytes(actor) {
  const update = await actor.update()
  const bytes = actor.random.pick(CONTAINERS)()
  const buffer = bufferOf(bytes)
  const spoilBuffer = actor.random.pick(SPOILERS)
  let isSpoilt = false
  const spoil = () => {
    if (!isSpoilt) spoilBuffer(buffer)
    isSpoilt = true
    globalThis.gc()
  }
  if (actor.isRude && ArrayBuffer.isView(bytes)) {
    let reads = 0
    const when = actor.random.below(3)
    const get = () => {
      if (reads === when) spoil()
      reads += 1
      return actor.random.pick([buffer, buffer, new ArrayBuffer(1), new SharedArrayBuffer(1), undefined, 7])
    }
    Object.defineProperty(bytes, 'buffer', { get })
  }
  const promise = update.install(bytes, actor.once({ exit: false, relaunch: false }, spoil))
  spoil()
  const { error } = await actor.settle(promise, actor.isRude ? isRefusal : () => false)
  assert.equal(actor.installed(), error === undefined)
}

/** Memory that another thread goes on writing to, behind a view that denies it. */
async function sharedBytes(actor) {
  const update = await actor.update()
  const shared = new SharedArrayBuffer(NEW.length)
  const view = new Uint8Array(shared)
  view.set(NEW)
  Object.defineProperty(view, 'buffer', { value: new ArrayBuffer(NEW.length) })
  const promise = update.install(view)
  new Uint8Array(shared).fill(1)
  const { error } = await actor.settle(promise, isRefusal)
  assert.equal(actor.installed(), error === undefined)
}

/** Signals, most of which are none; whether the operation is to end, and whether it is not even to begin. */
const SIGNALS = [
  () => ({ signal: undefined }),
  () => ({ signal: new AbortController().signal }),
  (actor) => {
    const controller = new AbortController()
    setTimeout(() => controller.abort(REASON), actor.random.below(10))
    return { signal: controller.signal, ends: true }
  },
  () => ({ signal: AbortSignal.abort(REASON), ends: true, isAborted: true }),
  () => ({
    signal: {
      addEventListener: (_, listener) => listener(),
      removeEventListener: () => globalThis.gc(),
      reason: REASON,
    },
    ends: true,
    isAborted: true,
  }),
  () => {
    const listeners = []
    return {
      signal: {
        addEventListener: (_, listener) => listeners.push(listener),
        removeEventListener: () => {
          // After the end of the operation.
          listeners.forEach((listener) => listener('abort'))
          throw THROWN
        },
        get reason() {
          throw THROWN
        },
      },
    }
  },
  (actor) => {
    const signal = {
      reason: REASON,
      addEventListener(_, listener) {
        delete this.removeEventListener
        setTimeout(listener, actor.random.below(10))
      },
      removeEventListener() {},
    }
    return { signal, ends: true }
  },
]

/** Callbacks; whether they end the operation. */
const CALLBACKS = [
  () => ({ callback: () => {} }),
  () => ({ callback: () => globalThis.gc() }),
  () => ({
    callback: () => {
      throw THROWN
    },
    ends: true,
  }),
  (actor) => ({
    callback: () => {
      actor.aside.push(actor.settle(updater.pendingUpdate('1.0.0', actor.options), isUpdaterError))
    },
  }),
  () => ({
    callback: (progress) => {
      if (typeof progress === 'object') for (const key of Object.keys(progress)) delete progress[key]
    },
  }),
]

async function download(actor) {
  const update = await actor.update()
  const [chunk, finished] = [actor.random.pick(CALLBACKS)(actor), actor.random.pick(CALLBACKS)(actor)]
  const promise = update.download(chunk.callback, finished.callback)
  const ends = chunk.ends || finished.ends
  const { value, error } = await actor.settle(promise, (error) => ends && error === THROWN)
  assert.equal(error === undefined, !ends)
  if (error) return
  assert.ok(Buffer.from(value).equals(NEW))
  // What was given out is JavaScript's to do with as it likes. Its memory is not V8's own: not every Node.js transfers it.
  try {
    actor.random.pick(SPOILERS)(value)
  } catch (refusal) {
    assert.equal(refusal.name, 'DataCloneError')
  }
}

async function stage(actor) {
  const update = await actor.update()
  const { signal, ends, isAborted } = actor.random.pick(SIGNALS)(actor)
  const { callback, ends: throws } = actor.random.pick(CALLBACKS)(actor)
  const method = actor.random.pick(['stage', 'downloadAndInstall'])
  const options = actor.once({ onProgress: callback, signal, exit: false, relaunch: false }, () =>
    globalThis.gc(),
  )
  const promise = update[method](options)
  for (const key of Object.keys(options)) Object.defineProperty(options, key, { value: 7 })
  const isExpected = (error) =>
    (throws && error === THROWN) || (ends && (error === REASON || error?.code === 'ERR_UPDATER_CANCELLED'))
  const { value: staged, error } = await actor.settle(promise, isExpected)
  const isNew = actor.installed()
  if (isAborted) {
    assert.equal(error, REASON)
    assert.ok(!isNew, 'installed, though it was aborted before the call')
  }
  if (error || method !== 'stage') return
  await Promise.all(actor.aside.splice(0))
  const calls = [() => staged.install(actor.once({ exit: false, relaunch: false }, () => globalThis.gc()))]
  if (actor.isRude)
    calls.push(
      () => staged.discard(),
      () => staged.install(),
    )
  // Each may be in the way of the others.
  await Promise.all(calls.map((call) => actor.settle(call(), actor.isRude ? isUpdaterError : () => false)))
  if (!actor.isRude) assert.ok(actor.installed())
}

/** What is to be installed at the exit of the process, and is taken back. */
async function installOnExit(actor) {
  const update = await actor.update()
  const staged = await update.stage()
  const isExpected = actor.isRude ? isUpdaterError : () => false
  const options = actor.once({ exit: true, relaunch: false }, () =>
    actor.aside.push(actor.settle(staged.discard(), isUpdaterError)),
  )
  await actor.settle((async () => staged.installOnExit(options))(), isExpected)
  for (const key of Object.keys(options)) Object.defineProperty(options, key, { value: 7 })
  const method = actor.random.pick(['install', 'discard'])
  await actor.settle(staged[method](), isExpected)
  assert.ok(actor.isRude || actor.installed() === (method === 'install'))
  // What was taken back before it was asked for would be in the way of other calls.
  await actor.settle(staged.discard(), isUpdaterError)
}

/** The last one is what is started in the end, and tells with which argument. */
async function relaunch(actor) {
  const given = { args: ['captured'], executablePath: actor.program }
  const spoil = (what) => {
    given.args[0] = what
    given.args.push(what)
  }
  const options = actor.once(given, spoil)
  const promise = updater.relaunch(options)
  spoil('late')
  for (const key of Object.keys(options)) Object.defineProperty(options, key, { value: '/late' })
  await actor.settle(promise, () => false)
}

/** Methods of one class with an object of another, also one that says that it is of the first, or with none. */
async function foreign(actor) {
  const { Update, StagedUpdate } = updater
  const update = await actor.update()
  const staged = await update.stage()
  const nobody = [{}, null, undefined, 7, updater, Update, Update.prototype, new Proxy(update, {})]
  for (const [type, other] of [
    [Update, staged],
    [StagedUpdate, update],
  ]) {
    Object.setPrototypeOf(other, type.prototype)
    Object.defineProperty(type, Symbol.hasInstance, { value: () => true, configurable: true })
    const receivers = [...nobody, other, Object.create(other), Object.create(type.prototype)]
    for (const [name, { value, get }] of Object.entries(Object.getOwnPropertyDescriptors(type.prototype))) {
      const member = value ?? get
      if (name === 'constructor' || typeof member !== 'function') continue
      for (const receiver of receivers) {
        const outcome = await (async () => Reflect.apply(member, receiver, []))().catch((error) => error)
        assert.ok(outcome instanceof Error, `${type.name}.${name} takes what is none`)
      }
    }
    delete type[Symbol.hasInstance]
    assert.throws(() => new type())
    assert.throws(() => new (class extends type {})())
  }
  Object.setPrototypeOf(staged, StagedUpdate.prototype)
  await staged.discard()
}

/** The environment ends in the middle of a call. */
async function terminated(actor) {
  const code = `
    const { workerData: [addon, options] } = require('node:worker_threads')
    const { checkUpdate } = require(addon)
    checkUpdate('1.0.0', options).then((update) => update?.stage({ onProgress() {} }))
    while (${actor.random.once(2)}) globalThis.gc()
  `
  const addon = fileURLToPath(new URL('../../index.js', import.meta.url))
  const worker = new Worker(code, { eval: true, workerData: [addon, actor.options] })
  await new Promise((resolve) => worker.once('online', resolve))
  await new Promise((resolve) => setTimeout(resolve, actor.random.below(60)))
  await worker.terminate()
  // What has just ended may hold the lock for another moment.
  const pending = () => actor.settle(updater.pendingUpdate('1.0.0', actor.options), isUpdaterError)
  while ((await pending()).error?.code === 'ERR_UPDATER_BUSY');
}

const CALLS = [
  check,
  check,
  arrays,
  installBytes,
  installBytes,
  installBytes,
  sharedBytes,
  download,
  stage,
  stage,
  installOnExit,
  relaunch,
  foreign,
  terminated,
]

/** The others may be called anywhere. */
const ONLY_ON_THE_MAIN_THREAD = [installOnExit, terminated]

if (!isMainThread && parentPort && workerData?.runs) await new Actor(workerData).act()
