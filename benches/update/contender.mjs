// Who is measured, in the order of the tables. All have the same shape: `load` what an application would, `loadAll` what
// that leaves for later, if anything, `version`, the `modules` for that, the `files` that an application ships, and `jobs`:
// `prepare` what is not measured, and `run` what is, both given what application.mjs makes. A job that is missing is one that
// it `cannot` do; `notes` tell how it does one.
import { curl } from './contenders/curl.mjs'
import { electron } from './contenders/electron.mjs'
import { fetched } from './contenders/fetch.mjs'
import { ours } from './contenders/ours.mjs'
import { published } from './contenders/published.mjs'
import { velopack } from './contenders/velopack.mjs'

export const CONTENDERS = [ours, published, electron, velopack, fetched, curl]

export const contender = (wanted) => CONTENDERS.find(({ id }) => id === wanted)
