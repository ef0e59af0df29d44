// How near predicted probabilities are to what happened, and the line through the logits that brings them nearer.

/** Calibrated logit = slope · logit + intercept. */
export interface PlattScaling {
  readonly slope: number
  readonly intercept: number
}

export const identityScaling: PlattScaling = { slope: 1, intercept: 0 }

/** Logits and what happened, 0 or 1, an entry each. */
export interface Outcomes {
  readonly logits: Float64Array
  readonly labels: Uint8Array
}

export const sigmoid = (logit: number): number => 1 / (1 + Math.exp(-logit))

const softplus = (logit: number): number => Math.max(0, logit) + Math.log1p(Math.exp(-Math.abs(logit)))

/** Platt's targets in place of 0 and 1: finite logits even for outcomes that a line separates. */
const smoothedTargets = (labels: Uint8Array): [number, number] => {
  const ones = labels.reduce((sum, label) => sum + label, 0)
  return [1 / (labels.length - ones + 2), (ones + 1) / (ones + 2)]
}

const newtonSteps = 50
const settled = 1e-10

/** Newton's method, every step halved until it helps. @param slopeFree false: the intercept alone is fitted */
const regression = ({ logits, labels }: Outcomes, slopeFree: boolean): PlattScaling => {
  const targets = smoothedTargets(labels)
  const loss = ({ slope, intercept }: PlattScaling): number => {
    let sum = 0
    for (let index = 0; index < logits.length; index++) {
      const logit = slope * logits[index] + intercept
      sum += softplus(logit) - targets[labels[index]] * logit
    }
    return sum
  }
  let current = identityScaling
  let reached = loss(current)
  for (let step = 0; step < newtonSteps; step++) {
    let [toSlope, toIntercept, ofSlope, mixed, ofIntercept] = [0, 0, 1e-12, 0, 1e-12]
    for (let index = 0; index < logits.length; index++) {
      const logit = logits[index]
      const probability = sigmoid(current.slope * logit + current.intercept)
      const excess = probability - targets[labels[index]]
      const curvature = probability * (1 - probability)
      toSlope += excess * logit
      toIntercept += excess
      ofSlope += curvature * logit * logit
      mixed += curvature * logit
      ofIntercept += curvature
    }
    const determinant = ofSlope * ofIntercept - mixed * mixed
    const free = slopeFree && determinant > settled * ofSlope * ofIntercept
    const move = free
      ? {
          slope: (ofIntercept * toSlope - mixed * toIntercept) / determinant,
          intercept: (ofSlope * toIntercept - mixed * toSlope) / determinant,
        }
      : { slope: 0, intercept: toIntercept / ofIntercept }
    let next = current
    let length = 1
    let lower = reached
    for (; length > 1e-6; length /= 2) {
      next = { slope: current.slope - length * move.slope, intercept: current.intercept - length * move.intercept }
      lower = loss(next)
      if (lower <= reached) break
    }
    if (lower > reached) break
    const gain = reached - lower
    current = next
    reached = lower
    if (gain <= settled * Math.abs(reached)) break
  }
  return current
}

/**
 * Platt scaling (Platt 1999, with the corrections of Lin, Lin and Weng 2007): logistic regression on the logit. The
 * order of scores stays: where the best line would turn it round, the intercept alone is fitted. Nothing to go by, or
 * one kind of outcome only: the identity.
 */
export const fitPlatt = (outcomes: Outcomes): PlattScaling => {
  const { labels } = outcomes
  if (!labels.includes(1) || !labels.includes(0)) return identityScaling
  const line = regression(outcomes, true)
  return line.slope > 0 ? line : regression(outcomes, false)
}

export const calibrated = ({ logits, labels }: Outcomes, { slope, intercept }: PlattScaling): Outcomes => ({
  logits: logits.map((logit) => slope * logit + intercept),
  labels,
})

/**
 * Expected calibration error: mean over entries of |mean prediction - mean outcome| of the entry's bin. Bins hold equally
 * many entries, ordered by prediction, as click rates crowd near zero. Equal logits may fall into two bins.
 */
export const expectedCalibrationError = ({ logits, labels }: Outcomes, bins = 15): number => {
  const count = logits.length
  const order = Uint32Array.from({ length: count }, (_, index) => index).sort((a, b) => logits[a] - logits[b] || a - b)
  let error = 0
  for (let bin = 0; bin < bins; bin++) {
    let gap = 0
    for (let rank = Math.floor((bin * count) / bins); rank < Math.floor(((bin + 1) * count) / bins); rank++)
      gap += sigmoid(logits[order[rank]]) - labels[order[rank]]
    error += Math.abs(gap)
  }
  return count === 0 ? 0 : error / count
}

/** Mean of -log p(outcome). */
export const logLoss = ({ logits, labels }: Outcomes): number =>
  logits.reduce((sum, logit, index) => sum + softplus(logit) - labels[index] * logit, 0) / Math.max(1, logits.length)

/** Chance that a one has a higher logit than a zero, ties by half; undefined where there is one kind alone. */
export const areaUnderCurve = ({ logits, labels }: Outcomes): number | undefined => {
  const order = Uint32Array.from({ length: logits.length }, (_, index) => index).sort((a, b) => logits[a] - logits[b])
  let ranks = 0
  let ones = 0
  for (let start = 0; start < order.length; ) {
    let end = start
    while (end < order.length && logits[order[end]] === logits[order[start]]) end++
    for (let place = start; place < end; place++) {
      if (labels[order[place]] === 0) continue
      ranks += (start + end - 1) / 2
      ones++
    }
    start = end
  }
  const zeros = order.length - ones
  return ones === 0 || zeros === 0 ? undefined : (ranks - (ones * (ones - 1)) / 2) / (ones * zeros)
}
