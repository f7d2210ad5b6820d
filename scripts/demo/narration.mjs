// What the person in front of the terminal reads.

const colours = process.stdout.isTTY && process.env.NO_COLOR === undefined
let steps = 0

export function step(title) {
  steps += 1
  const line = `${steps}. ${title}`
  console.log(`\n${colours ? `\x1b[1m${line}\x1b[0m` : line}`)
}

export function say(text) {
  console.log(`   ${text}`)
}

/** Something that was claimed, and was found to be so. */
export function confirm(claim, holds) {
  if (!holds) throw new Error(`this does not hold: ${claim}`)
  console.log(`   ${colours ? '\x1b[32m✓\x1b[0m' : '✓'} ${claim}`)
}

/** Shows a program's output behind a margin; what it writes over and over in one line, on a terminal only. */
export function createMirror() {
  const start = process.stdout.isTTY ? '\r   | ' : '   | '
  let line = ''
  const latest = () => start + line.slice(line.lastIndexOf('\r') + 1)
  return {
    write(text) {
      const [first, ...more] = text.split('\n')
      line += first
      for (const next of more) {
        process.stdout.write(`${latest()}\n`)
        line = next
      }
      if (line !== '' && process.stdout.isTTY) process.stdout.write(latest())
    },
    end() {
      if (line !== '') process.stdout.write(`${latest()}\n`)
    },
  }
}
