/**
 * Inverse of the standard normal distribution (Acklam's rational approximation, relative error below 1.2e-9).
 * @param probability in (0, 1)
 */
export function normalQuantile(probability: number): number {
  if (probability < tail) return lowerTail(probability)
  if (probability > 1 - tail) return -lowerTail(1 - probability)
  const centred = probability - 0.5
  const square = centred * centred
  return (centred * polynomial(numerator, square)) / (polynomial(denominator, square) * square + 1)
}

const tail = 0.02425
const numerator = [
  -3.969683028665376e1, 2.209460984245205e2, -2.759285104469687e2, 1.38357751867269e2, -3.066479806614716e1,
  2.506628277459239,
]
const denominator = [
  -5.447609879822406e1, 1.615858368580409e2, -1.556989798598866e2, 6.680131188771972e1, -1.328068155288572e1,
]
const tailNumerator = [
  -7.784894002430293e-3, -3.223964580411365e-1, -2.400758277161838, -2.549732539343734, 4.374664141464968,
  2.938163982698783,
]
const tailDenominator = [7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416]

function lowerTail(probability: number): number {
  const root = Math.sqrt(-2 * Math.log(probability))
  return polynomial(tailNumerator, root) / (polynomial(tailDenominator, root) * root + 1)
}

/** Coefficients from the highest power down. */
const polynomial = (coefficients: readonly number[], at: number): number =>
  coefficients.reduce((sum, coefficient) => sum * at + coefficient, 0)
