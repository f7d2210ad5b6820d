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

/** Shows a program's output behind a margin, and each state of a progress bar on a terminal only. */
export function createMirror() {
  let line = ''
  const show = () => {
    process.stdout.write(`   | ${line.slice(line.lastIndexOf('\r') + 1)}\n`)
    line = ''
  }
  return {
    write(text) {
      for (const part of text.split(/(?<=[\r\n])/)) {
        line += part.replace('\n', '')
        if (part.endsWith('\n')) show()
        else if (process.stdout.isTTY) process.stdout.write(`   | ${part.replaceAll('\r', '')}\r`)
      }
    },
    end() {
      if (line !== '') show()
    },
  }
}
