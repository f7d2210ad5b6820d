// Under which name npm installs a version that is not asked for by its number.

/**
 * `latest` is what the registry calls so, undefined where it knows none. A release for an older line must not become what
 * everyone gets. (npm takes no tag that could be a version, such as `0.3`.)
 */
export function distTag(version, latest) {
  if (version.includes('-')) return 'next'
  const [major, minor] = version.split('.')
  return isHigher(latest, version) ? `release-${major}.${minor}` : 'latest'
}

/** The first version of a package is always called `latest`, even if it is a prerelease: that is in nobody's way. */
function isHigher(latest, version) {
  if (!latest || latest.includes('-')) return false
  const [ours, theirs] = [version, latest].map((text) => text.split('.').map(Number))
  const at = theirs.findIndex((number, index) => number !== ours[index])
  return theirs[at] > ours[at]
}
