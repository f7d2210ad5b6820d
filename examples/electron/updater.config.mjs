// Where updates come from and who signs them. It becomes part of the application: nothing outside can change it.

/** @satisfies {import('@crabnebula/updater').Options} */
export const config = {
  appId: 'com.example.app',
  endpoints: ['https://releases.example.com/latest.json'],
  pubkey: '<pubkey here>',
  requireSignedVersion: true,
  // What electron-builder's NSIS installer wants to hear: do not ask again what was asked at the first installation, and
  // leave it to the updater to start the application.
  windows: { installMode: 'quiet', installerArgs: ['--updated'] },
}
