// Columns of tables: whose `metric` they show, and how.
const times = (value) => value.toFixed(2)

export const milliseconds = (value) => `${value.toFixed(value < 100 ? 1 : 0)} ms`
export const preciseMilliseconds = (value) => `${value.toFixed(2)} ms`
export const mebibytes = (value) => `${value.toFixed(1)} MiB`
export const megabytes = (value) => `${(value / 1e6).toFixed(2)} MB`
export const whole = (value) => Math.round(value).toLocaleString('en-US')

export const column = (head, metric, show = times) => ({ head, metric, show })
/** What a figure is, divided by that of another contender. */
export const ratio = (head, metric, per) => ({ head, metric, per, show: times })

export const WALL = column('time', 'wall', milliseconds)
export const CPU = column('CPU', 'cpu', milliseconds)
export const GROWTH = column('memory growth', 'growth', mebibytes)
export const HOLD = column('longest hold', 'hold', milliseconds)
