// How long the event loop is held at most, other than by a lack of processors.
import { closeSync, openSync, readSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const TICK_MS = 1
const SETTLE_MS = 20
const NS_PER_MS = 1e6

/** The time for which this thread, the main one, could have run and had to wait for a processor. */
function waitedBy(file, buffer) {
  const length = readSync(file, buffer, 0, buffer.length, 0)
  return Number(buffer.toString('latin1', 0, length).split(' ')[1]) / NS_PER_MS
}

/** Milliseconds from one tick to the next, at most, while work is done; the tick of 1 ms is part of it. */
export async function longestHold(work) {
  const file = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r')
  const buffer = Buffer.alloc(100)
  let longest = 0
  let [last, waited] = [performance.now(), waitedBy(file, buffer)]
  const timer = setInterval(() => {
    const [now, waitedNow] = [performance.now(), waitedBy(file, buffer)]
    longest = Math.max(longest, now - last - (waitedNow - waited))
    last = now
    waited = waitedNow
  }, TICK_MS)
  // The first ticks compile this, which is not what is asked for.
  await sleep(SETTLE_MS)
  longest = 0
  await work()
  await sleep(SETTLE_MS)
  clearInterval(timer)
  closeSync(file)
  return longest
}
