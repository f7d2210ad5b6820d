// States that the window of examples/electron can be in, and what it is to show.

const UPDATE = {
  currentVersion: '1.0.0',
  version: '2.0.0',
  target: 'linux-x86_64',
  format: 'appimage',
  downloadUrl: 'https://releases.example.com/v2.0.0/example-2.0.0-x86_64.AppImage',
  signature: 'dW50cnVzdGVkIGNvbW1lbnQ6',
  extractPath: '/home/me/Applications/Example.AppImage',
  size: 96_400_000,
  date: '2026-01-02T12:00:00Z',
  body: [
    'Projects open twice as fast, and search finds words in attachments.',
    '',
    '• Notes can be pinned',
    '• Dark mode follows the system',
    '• Fixed: exporting a table lost its last row',
  ].join('\n'),
}

const DOWNLOAD = {
  phase: 'download',
  transferred: 41_200_000,
  total: 96_400_000,
  percent: 42.7,
  bytesPerSecond: 6_300_000,
}

export const state = (step, more) => ({
  step,
  currentVersion: '1.0.0',
  update: null,
  progress: null,
  error: null,
  ...more,
})

export const available = (changes) => state('available', { update: { ...UPDATE, ...changes } })

export const downloading = (changes) =>
  state('downloading', { update: UPDATE, progress: { ...DOWNLOAD, ...changes } })

export const failed = (action, code, text, message) =>
  state('error', { update: UPDATE, error: { action, code, text, message } })

/** By name: the state, its title, and its buttons, of which the last is what one would press. */
export const STATES = {
  idle: [state('idle'), 'Updates', ['Check for updates']],
  checking: [state('checking'), 'Checking for updates…', ['Check for updates']],
  none: [state('none'), 'You are up to date', ['Check for updates']],
  available: [available(), 'Version 2.0.0 is available', ['Download']],
  starting: [state('downloading', { update: UPDATE }), 'Downloading version 2.0.0…', ['Cancel']],
  downloading: [downloading(), 'Downloading version 2.0.0…', ['Cancel']],
  verifying: [
    downloading({ phase: 'verify', transferred: 96_400_000, percent: 100 }),
    'Verifying the download…',
    ['Cancel'],
  ],
  ready: [state('ready', { update: UPDATE }), 'Version 2.0.0 is ready', ['Install on quit', 'Restart now']],
  pending: [
    state('ready', { update: { version: '2.0.0' } }),
    'Version 2.0.0 is ready',
    ['Install on quit', 'Restart now'],
  ],
  scheduled: [state('scheduled', { update: UPDATE }), 'Version 2.0.0 is ready', ['Restart now']],
  installing: [state('installing', { update: UPDATE }), 'Installing version 2.0.0…', []],
  'check-failed': [
    failed(
      'check',
      'ERR_UPDATER_NETWORK',
      'The update server cannot be reached right now. Check the connection and try again.',
      'https://releases.example.com/latest.json: cannot connect: Connection refused (os error 111)',
    ),
    'Could not check for updates',
    ['Try again'],
  ],
  'download-failed': [
    failed(
      'download',
      'ERR_UPDATER_SIGNATURE_MISMATCH',
      'The update was refused, because it is not exactly what the publisher has signed. Nothing was changed. Try again later.',
      'the signature of https://releases.example.com/v2.0.0/example-2.0.0-x86_64.AppImage verifies under none of 1 key',
    ),
    'The download failed',
    ['Check for updates', 'Try again'],
  ],
  'restart-failed': [
    failed(
      'restart',
      'ERR_UPDATER_PERMISSION_DENIED',
      'You are not allowed to change this application. Ask who administers this computer.',
      'cannot rename /opt/example/.example-2.0.0 to /opt/example/Example.AppImage: Permission denied (os error 13)',
    ),
    'Could not install the update',
    ['Check for updates', 'Try again'],
  ],
}
