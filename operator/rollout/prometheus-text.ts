/** One number of an exposition, as `name{label="value",...}`. */
export type Series = ReadonlyMap<string, number>

const line = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{.*\})?[ \t]+(\S+)(?:[ \t]+-?\d+)?[ \t]*$/
const label = /\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*,?/y

/** More than any of ours writes; the rest of a hostile answer is not looked at. */
const maxLines = 20_000

/**
 * The samples of a Prometheus text exposition (version 0.0.4) whose name passes `wanted`. Lines that are no sample are
 * skipped, comments among them.
 */
export function parseExposition(text: string, wanted: (name: string) => boolean): Map<string, number> {
  const series = new Map<string, number>()
  for (const one of text.split('\n', maxLines)) {
    const [, name, labels = '', number = ''] = line.exec(one) ?? []
    if (name === undefined || !wanted(name)) continue
    const value = numberOf(number)
    if (!Number.isNaN(value)) series.set(seriesName(name, labelsOf(labels)), value)
  }
  return series
}

/** Labels in order of their names, so that a series has one name only. */
export function seriesName(name: string, labels: Readonly<Record<string, string>>): string {
  const pairs = Object.keys(labels)
    .sort()
    .map((key) => `${key}=${JSON.stringify(labels[key])}`)
  return pairs.length === 0 ? name : `${name}{${pairs.join()}}`
}

/** Undoes seriesName. */
export function splitSeries(series: string): { name: string; labels: Record<string, string> } {
  const brace = series.indexOf('{')
  if (brace < 0) return { name: series, labels: {} }
  return { name: series.slice(0, brace), labels: labelsOf(series.slice(brace)) }
}

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {}
  label.lastIndex = 1
  for (let match = label.exec(text); match; match = label.exec(text)) {
    const [, key = '', value = ''] = match
    labels[key] = value.replace(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped))
  }
  return labels
}

function numberOf(text: string): number {
  if (text === '+Inf') return Number.POSITIVE_INFINITY
  if (text === '-Inf') return Number.NEGATIVE_INFINITY
  return Number(text)
}
