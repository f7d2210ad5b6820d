// Errors in words for the people who use the application.

/** @import { UpdaterErrorCode } from '@crabnebula/updater' */

const UNREACHABLE = 'The update server cannot be reached right now. Check the connection and try again.'
const REFUSED =
  'The update was refused, because it is not exactly what the publisher has signed. Nothing was changed. Try again later.'
const MISCONFIGURED = 'Updates are not set up correctly in this version. Please tell the publisher.'
const UNAVAILABLE = 'There is no update for this kind of computer.'
const READ_ONLY =
  'The application was opened from a disk image. Move it to where applications are, and open it there.'
const NOT_ALLOWED = 'You are not allowed to change this application. Ask who administers this computer.'
const INSTALLER = 'The installer did not finish. The old version is still there.'

/** @type {Record<UpdaterErrorCode, string>} */
const TEXTS = {
  ERR_UPDATER_NETWORK: UNREACHABLE,
  ERR_UPDATER_HTTP_STATUS: UNREACHABLE,
  ERR_UPDATER_TIMEOUT: UNREACHABLE,
  ERR_UPDATER_NO_VALID_ENDPOINT: UNREACHABLE,
  ERR_UPDATER_TLS:
    'There is no private connection to the update server. Check the date of this computer, or try another network.',
  ERR_UPDATER_INVALID_MANIFEST:
    'The answer was not from the update server. Networks with a login page do that: log in, and try again.',
  ERR_UPDATER_INSECURE_URL: REFUSED,
  ERR_UPDATER_MANIFEST_UNSIGNED: REFUSED,
  ERR_UPDATER_MANIFEST_SIGNATURE: REFUSED,
  ERR_UPDATER_MANIFEST_EXPIRED: REFUSED,
  ERR_UPDATER_MANIFEST_ROLLBACK: REFUSED,
  ERR_UPDATER_SIZE_LIMIT: REFUSED,
  ERR_UPDATER_SIZE_MISMATCH: REFUSED,
  ERR_UPDATER_INVALID_SIGNATURE: REFUSED,
  ERR_UPDATER_SIGNATURE_MISMATCH: REFUSED,
  ERR_UPDATER_SIGNED_VERSION_MISSING: REFUSED,
  ERR_UPDATER_SIGNED_VERSION_MISMATCH: REFUSED,
  ERR_UPDATER_SIGNED_METADATA_MISMATCH: REFUSED,
  ERR_UPDATER_INVALID_ARTIFACT: REFUSED,
  ERR_UPDATER_UNSAFE_ARCHIVE: REFUSED,
  ERR_UPDATER_INVALID_VERSION: MISCONFIGURED,
  ERR_UPDATER_INVALID_OPTION: MISCONFIGURED,
  ERR_UPDATER_INVALID_PUBKEY: MISCONFIGURED,
  ERR_UPDATER_UNSUPPORTED_PLATFORM: UNAVAILABLE,
  ERR_UPDATER_UNSUPPORTED_FORMAT:
    'This update cannot be installed on this computer, or not while the application quits. Try to restart now.',
  ERR_UPDATER_TARGET_NOT_FOUND: UNAVAILABLE,
  ERR_UPDATER_NOT_UPDATABLE:
    'This copy cannot replace itself. Install the new version the way this one was installed.',
  ERR_UPDATER_TRANSLOCATED: READ_ONLY,
  ERR_UPDATER_READ_ONLY_VOLUME: READ_ONLY,
  ERR_UPDATER_NO_SPACE: 'There is not enough space on the disk. Free some, and try again.',
  ERR_UPDATER_PERMISSION_DENIED: NOT_ALLOWED,
  ERR_UPDATER_ELEVATION_DENIED: 'The update was not installed, because permission was not given.',
  ERR_UPDATER_BUSY: 'This application is already being updated. Wait for that, or close its other windows.',
  ERR_UPDATER_INSTALLER_FAILED: INSTALLER,
  ERR_UPDATER_INSTALLER_CANCELLED: 'The installation was cancelled. The old version is still there.',
  ERR_UPDATER_INSTALLER_BUSY: 'Something else is being installed. Wait until it has finished, and try again.',
  ERR_UPDATER_IO: 'Reading or writing a file failed. Try again.',
}

/** @param {unknown} error */
export function explain(error) {
  const { code = 'ERR_UNKNOWN', message = String(error) } = /** @type {NodeJS.ErrnoException} */ (error ?? {})
  const known = Object.hasOwn(TEXTS, code)
  const text = known ? TEXTS[/** @type {UpdaterErrorCode} */ (code)] : 'Something unexpected went wrong.'
  return { code, message, text }
}
