// The window's page: three files under a scheme of their own. A `file:` page could read the user's files.

import { readFile } from 'node:fs/promises'
import { protocol } from 'electron'

export const PAGE = 'app://window/index.html'

const FILES = new Map([
  [PAGE, { file: new URL('window/index.html', import.meta.url), type: 'text/html' }],
  ['app://window/window.css', { file: new URL('window/window.css', import.meta.url), type: 'text/css' }],
  [
    'app://window/window.mjs',
    { file: new URL('window/window.mjs', import.meta.url), type: 'text/javascript' },
  ],
])

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  // No text becomes HTML, not even by mistake.
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ')

/** To be called before the application is ready. */
export function registerScheme() {
  protocol.registerSchemesAsPrivileged([{ scheme: 'app', privileges: { standard: true, secure: true } }])
}

export function servePage() {
  protocol.handle('app', answer)
}

/** @param {Pick<Request, 'url'>} request */
export async function answer({ url }) {
  const found = FILES.get(url)
  if (!found) return new Response('not found', { status: 404 })
  const headers = {
    'content-type': `${found.type}; charset=utf-8`,
    'content-security-policy': POLICY,
    'x-content-type-options': 'nosniff',
  }
  return new Response(await readFile(found.file), { headers })
}
