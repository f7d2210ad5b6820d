import { createServer } from 'node:http'

/** A server on loopback. Routes are functions (request, response) by path; every request is kept. */
export async function serve(t, routes = {}) {
  const requests = []
  const server = createServer((request, response) => {
    requests.push({ method: request.method, url: request.url, headers: request.headers })
    const route = routes[request.url] ?? routes['*']
    if (route) route(request, response)
    else response.writeHead(404).end('not found')
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const url = `http://127.0.0.1:${server.address().port}`
  return { url, routes, requests, requestsOf: (path) => requests.filter((request) => request.url === path) }
}

export const json = (value) => (_, response) =>
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))

export const status = (code, headers) => (_, response) => response.writeHead(code, headers).end()

export const text = (body) => (_, response) => response.writeHead(200).end(body)

/** Accepts the request and never answers. */
export const silence = () => {}

/** Serves bytes with ranges and a strong ETag. */
export function file(bytes, { etag = '"1"', ranges = true } = {}) {
  return (request, response) => {
    const range = ranges && /^bytes=(\d+)-$/.exec(request.headers.range ?? '')
    const fresh = (request.headers['if-range'] ?? etag) === etag
    const headers = { etag, ...(ranges && { 'accept-ranges': 'bytes' }) }
    if (!range || !fresh) {
      response.writeHead(200, { ...headers, 'content-length': bytes.length }).end(bytes)
      return
    }
    const start = Number(range[1])
    const rest = bytes.subarray(start)
    const contentRange = `bytes ${start}-${bytes.length - 1}/${bytes.length}`
    response
      .writeHead(206, { ...headers, 'content-range': contentRange, 'content-length': rest.length })
      .end(rest)
  }
}

/** Sends so many bytes, then nothing more. In two parts, because progress is told at intervals. */
export const stall = (bytes, count) => (_, response) => {
  response.writeHead(200, { etag: '"1"', 'accept-ranges': 'bytes', 'content-length': bytes.length })
  response.write(bytes.subarray(0, count - 1000))
  setTimeout(() => response.write(bytes.subarray(count - 1000, count)), 150)
}

/** Sends so many bytes, then breaks the connection. */
export const cut = (bytes, count) => (request, response) => {
  stall(bytes, count)(request, response)
  setTimeout(() => response.destroy(), 250)
}
