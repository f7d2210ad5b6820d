// A slow link, as a relay: so many bits a second, a delay, and stalls. It breaks where it is told to.
import { connect, createServer } from 'node:net'

const BYTES_PER_MS = 20_000_000 / 8 / 1000
const ONE_WAY_MS = 40
const STALL_EVERY = 2 << 20
const STALL_MS = 300
/** As much as may wait for its turn before the server has to. */
const AHEAD_MS = 50

/**
 * Relays to a port. `cuts` are places in a file, in ascending order: at each, once, the connection ends without a word.
 * `passed` gives the bytes that were handed to the client.
 */
export async function relay(port, cuts) {
  const link = { passed: 0, cuts: [...cuts], sockets: new Set() }
  const server = createServer((client) => join(link, client, connect(port, '127.0.0.1')))
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const stop = () => {
    server.close()
    for (const socket of link.sockets) socket.destroy()
  }
  return { url: `http://127.0.0.1:${server.address().port}`, passed: () => link.passed, stop }
}

function join(link, client, upstream) {
  const line = { link, client, upstream, queue: [], freeAt: 0, stallAt: STALL_EVERY, position: 0 }
  for (const [socket, other] of [
    [client, upstream],
    [upstream, client],
  ]) {
    link.sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.on('close', () => {
      link.sockets.delete(socket)
      // What is under way still arrives.
      setTimeout(
        () => other.destroy(),
        socket === upstream ? Math.max(0, line.freeAt - now()) + 2 * ONE_WAY_MS : 0,
      )
    })
  }
  client.on('data', (request) => {
    line.position = startOf(request) ?? line.position
    setTimeout(() => upstream.write(request), ONE_WAY_MS)
  })
  upstream.on('data', (bytes) => schedule(line, bytes))
}

const now = () => performance.now()

/** Where in a file an answer will begin; undefined for what is no request. */
function startOf(request) {
  const text = request.toString('latin1')
  if (!text.startsWith('GET ')) return undefined
  return Number(/^range: *bytes=(\d+)-/im.exec(text)?.[1] ?? 0)
}

function schedule(line, bytes) {
  const { upstream } = line
  line.freeAt = Math.max(line.freeAt, now()) + bytes.length / BYTES_PER_MS
  const arrival = line.freeAt + ONE_WAY_MS - now()
  // Timers are rounded, so that one may overtake another; bytes must not.
  line.queue.push(bytes)
  setTimeout(() => deliver(line, line.queue.shift()), arrival)
  const ahead = line.freeAt - now() - AHEAD_MS
  if (ahead <= 0) return
  upstream.pause()
  setTimeout(() => upstream.resume(), ahead)
}

function deliver(line, bytes) {
  const { link, client, upstream } = line
  if (client.destroyed) return
  client.write(bytes)
  link.passed += bytes.length
  line.position += bytes.length
  if (link.passed > line.stallAt) {
    line.stallAt = link.passed + STALL_EVERY
    line.freeAt = Math.max(line.freeAt, now()) + STALL_MS
  }
  if (line.position < link.cuts[0]) return
  if (link.cuts.length === 0) return
  link.cuts.shift()
  client.resetAndDestroy()
  upstream.destroy()
}
