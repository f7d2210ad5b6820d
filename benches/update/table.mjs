// Tables and footnotes, in Markdown.
export function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map((_, at) => (at === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n')
}

/** Gives each text a number, the same one each time. */
export function footnotes() {
  const texts = []
  return {
    mark(text) {
      if (!texts.includes(text)) texts.push(text)
      return ` <sup>${texts.indexOf(text) + 1}</sup>`
    },
    list: () => texts.map((text, at) => `<sup>${at + 1}</sup> ${text}.`).join('  \n'),
  }
}
