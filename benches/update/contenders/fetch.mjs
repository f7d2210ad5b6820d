import { open } from 'node:fs/promises'
import { join } from 'node:path'

const NOTHING_INSTALLED = 'fetch and curl download only'

const artifact = ({ place }) => fetch(`${place.files}/App.AppImage`)

const downloaded = ({ home }) => join(home, 'update')

async function stage(application) {
  const file = await open(downloaded(application), 'w')
  try {
    const { body } = await artifact(application)
    await file.writeFile(body)
    await file.sync()
  } finally {
    await file.close()
  }
}

const itself = (application) => application

export const fetched = {
  id: 'fetch',
  title: 'fetch of Node.js',
  load() {},
  version: () => process.version,
  artifact: downloaded,
  jobs: {
    check: { run: async ({ place }) => (await fetch(`${place.feed}/${place.manifest}`)).json() },
    stage: { prepare: itself, run: stage },
    download: { prepare: itself, run: async (application) => (await artifact(application)).arrayBuffer() },
  },
  notes: { stage: 'fetch: to a file, and an fsync; nothing is verified' },
  cannot: {
    'install staged': NOTHING_INSTALLED,
    'install bytes': NOTHING_INSTALLED,
    'download and install': NOTHING_INSTALLED,
    require: 'fetch is part of Node.js, curl a program',
    size: 'fetch is part of Node.js, curl a program',
  },
}
