/**
 * Quantile of the standard normal distribution, relative error below 1.2e-9 (Acklam's rational approximation).
 *
 * @param p in (0, 1)
 */
export function normalQuantile(p: number): number {
  if (p > 0.5) return -normalQuantile(1 - p)
  if (p < 0.02425) {
    const q = Math.sqrt(-2 * Math.log(p))
    return polynomial(tailNumerator, q) / (q * polynomial(tailDenominator, q) + 1)
  }
  const q = p - 0.5
  const r = q * q
  return (polynomial(centreNumerator, r) * q) / (r * polynomial(centreDenominator, r) + 1)
}

/**
 * Quantile of Student's t distribution (Hill, Algorithm 396, 1970): exact for 1 and 2 degrees of freedom, to about six
 * digits above.
 *
 * @param p in (0.5, 1)
 * @param freedom degrees of freedom, at least 1; a fraction is left out, which makes the interval no narrower
 */
export function studentQuantile(p: number, freedom: number): number {
  const twoTails = 2 * (1 - p)
  const whole = Math.floor(freedom)
  if (whole === 1) return 1 / Math.tan((twoTails * Math.PI) / 2)
  if (whole === 2) return Math.sqrt(2 / (twoTails * (2 - twoTails)) - 2)
  const n = whole
  const a = 1 / (n - 0.5)
  const b = 48 / (a * a)
  let c = (((20700 * a) / b - 98) * a - 16) * a + 96.36
  const d = ((94.5 / (b + c) - 3) / b + 1) * Math.sqrt((a * Math.PI) / 2) * n
  let y = (d * twoTails) ** (2 / n)
  if (y > 0.05 + a) {
    const x = normalQuantile(twoTails / 2)
    y = x * x
    if (n < 5) c += 0.3 * (n - 4.5) * (x + 0.6)
    c = (((0.05 * d * x - 5) * x - 7) * x - 2) * x + b + c
    y = (((((0.4 * y + 6.3) * y + 36) * y + 94.5) / c - y - 3) / b + 1) * x
    y = Math.expm1(a * y * y)
  } else {
    const correction = 1 / (((n + 6) / (n * y) - 0.089 * d - 0.822) * (n + 2) * 3) + 0.5 / (n + 4)
    y = (correction * y - 1) * ((n + 1) / (n + 2)) + 1 / y
  }
  return Math.sqrt(n * y)
}

/** Coefficients from the highest power down. */
const polynomial = (coefficients: readonly number[], x: number): number =>
  coefficients.reduce((sum, coefficient) => sum * x + coefficient, 0)

const centreNumerator = [
  -3.969683028665376e1, 2.209460984245205e2, -2.759285104469687e2, 1.38357751867269e2, -3.066479806614716e1,
  2.506628277459239,
]
const centreDenominator = [
  -5.447609879822406e1, 1.615858368580409e2, -1.556989798598866e2, 6.680131188771972e1, -1.328068155288572e1,
]
const tailNumerator = [
  -7.784894002430293e-3, -3.223964580411365e-1, -2.400758277161838, -2.549732539343734, 4.374664141464968,
  2.938163982698783,
]
const tailDenominator = [7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416]
