/** A number as status holds it: at least four significant digits, at most twelve decimals; an exponent from 1e21 on. */
export function decimal(value: number): string {
  if (!Number.isFinite(value)) return String(value)
  const digits = value === 0 ? 0 : Math.max(0, 3 - Math.floor(Math.log10(Math.abs(value))))
  return value.toFixed(Math.min(digits, 12))
}
