// The main figures as a picture, readable where it is light and where it is dark.
const WIDTH = 880
const COLUMNS = 2
const GAP = 28
const CHART_WIDTH = (WIDTH - GAP * (COLUMNS + 1)) / COLUMNS
const TITLE_HEIGHT = 34
const ROW_HEIGHT = 26
const NAME_WIDTH = 168
const VALUE_WIDTH = 84
const BAR_WIDTH = CHART_WIDTH - NAME_WIDTH - VALUE_WIDTH
const LEAST_BAR = 2

const STYLE = `
    text { font: 13px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #1f2328 }
    .title { font-weight: 600 }
    .remark { font-size: 12px }
    .value { font-variant-numeric: tabular-nums }
    .other { fill: #afb8c1 }
    .ours { fill: #0969da }
    .own { font-weight: 600 }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 }
      .other { fill: #545d68 }
      .ours { fill: #4493f8 }
    }`

const seconds = (value) => `${(value / 1000).toFixed(2)} s`
const milliseconds = (value) => `${value.toFixed(value < 10 ? 2 : 1)} ms`
const mebibytes = (value) => `${value.toFixed(value < 10 ? 1 : 0)} MiB`
const kilobytes = (value) => `${Math.round(value / 1000).toLocaleString('en-US')} kB`
const times = (value) => `${value.toFixed(2)} ×`

const CHARTS = [
  ['500 MiB downloaded: time', 'stage', 'wall', seconds],
  ['The same: CPU', 'stage', 'cpu', seconds],
  ['The same: memory growth', 'stage', 'growth', mebibytes],
  ['The same: event loop held, at most', 'stage', 'hold', milliseconds],
  ['500 MiB downloaded and installed: time', 'both', 'wall', seconds],
  ['A check, second and later: CPU', 'check', 'later', milliseconds],
  ['Fetched over a link that is cut 5 times', 'cuts', 'share', times],
  ['Fetched where little changed', 'change', 'bytes', kilobytes],
]

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

function row({ title, id, value }, y, most, show) {
  const width = Math.max(LEAST_BAR, (value / most) * BAR_WIDTH)
  const isOurs = id === 'ours'
  const text = isOurs ? 'own' : ''
  return `<text class="${text}" x="0" y="${y + 17}">${escaped(title)}</text>
    <rect class="${isOurs ? 'ours' : 'other'}" x="${NAME_WIDTH}" y="${y + 4}" width="${width.toFixed(1)}" height="18" rx="3"/>
    <text class="value ${text}" x="${(NAME_WIDTH + width + 8).toFixed(1)}" y="${y + 17}">${show(value)}</text>`
}

function chart([title, task, metric, show], results, contenders) {
  const bars = contenders
    .map(({ id, title }) => ({ id, title, ...results[task]?.[id] }))
    .filter(({ cannot, [metric]: value }) => !cannot && value !== undefined)
    .map(({ id, title, [metric]: value }) => ({ id, title, value }))
  const most = Math.max(...bars.map(({ value }) => value))
  const rows = bars.map((bar, at) => row(bar, TITLE_HEIGHT + at * ROW_HEIGHT, most, show))
  return {
    height: TITLE_HEIGHT + bars.length * ROW_HEIGHT,
    body:
      bars.length && `<text class="title" x="0" y="18">${escaped(title)}</text>\n    ${rows.join('\n    ')}`,
  }
}

const REMARK =
  'Less is better. Of a download, velopack, fetch and curl verify nothing; curl holds no event loop, so what is seen there is noise.'

export function picture(results, contenders) {
  const charts = CHARTS.map((about) => chart(about, results, contenders)).filter(({ body }) => body)
  const parts = []
  let y = GAP
  for (let at = 0; at < charts.length; at += COLUMNS) {
    const line = charts.slice(at, at + COLUMNS)
    line.forEach(({ body }, column) => {
      const x = GAP + column * (CHART_WIDTH + GAP)
      parts.push(`  <g transform="translate(${x} ${y})">\n    ${body}\n  </g>`)
    })
    y += Math.max(...line.map(({ height }) => height)) + GAP
  }
  parts.push(`  <text class="remark" x="${GAP}" y="${y}">${escaped(REMARK)}</text>`)
  y += GAP
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}" role="img">
  <title>Measured beside others; less is better</title>
  <style>${STYLE}
  </style>
${parts.join('\n')}
</svg>
`
}
