// A minisign signer, so that the tests need no program: https://jedisct1.github.io/minisign/#signature-format
import { createHash, createPrivateKey, createPublicKey, sign as ed25519 } from 'node:crypto'

const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

export const encode = (text) => Buffer.from(text).toString('base64')

/** A key pair that is the same for the same name. */
export function keyPair(name = 'author') {
  const seed = createHash('sha256').update(name).digest()
  const privateKey = createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, seed]),
    format: 'der',
    type: 'pkcs8',
  })
  const publicKey = createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-32)
  const id = createHash('sha256').update(publicKey).digest().subarray(0, 8)
  const line = Buffer.concat([Buffer.from('Ed'), id, publicKey]).toString('base64')
  return { id, privateKey, line, pubkey: encode(`untrusted comment: minisign public key\n${line}\n`) }
}

export function trustedComment(version, more = {}) {
  const fields = { timestamp: 1700000000, file: 'app.AppImage', ...(version && { version }), ...more }
  return Object.entries(fields)
    .map(([key, value]) => `${key}:${value}`)
    .join('\t')
}

const digestOf = (bytes) => createHash('blake2b512').update(bytes).digest()

function signatureOf(key, message, comment, algorithm) {
  const signature = ed25519(null, message, key.privateKey)
  const global = ed25519(null, Buffer.concat([signature, Buffer.from(comment)]), key.privateKey)
  const line = Buffer.concat([Buffer.from(algorithm), key.id, signature]).toString('base64')
  return `untrusted comment: signature\n${line}\ntrusted comment: ${comment}\n${global.toString('base64')}\n`
}

/** The text of a `.minisig`. */
export const signatureText = (key, bytes, comment = trustedComment('2.0.0'), algorithm = 'ED') =>
  signatureOf(key, algorithm === 'ED' ? digestOf(bytes) : bytes, comment, algorithm)

/** In the packager's encoding. */
export const sign = (...args) => encode(signatureText(...args))

/** The signature of a file too large to hold, given its BLAKE2b-512. */
export const signDigest = (key, digest, version = '2.0.0') =>
  encode(signatureOf(key, digest, trustedComment(version), 'ED'))
