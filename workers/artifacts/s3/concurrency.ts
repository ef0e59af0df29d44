/**
 * Results in the order of the inputs, at most `limit` of them under way. After the first error no other is begun, and
 * it is thrown once those under way have ended.
 */
export async function mapAtOnce<From, To>(
  inputs: readonly From[],
  limit: number,
  map: (input: From) => Promise<To>,
): Promise<To[]> {
  const results: To[] = []
  const failures: unknown[] = []
  const entries = inputs.entries()
  const work = async (): Promise<void> => {
    for (const [index, input] of entries) {
      if (failures.length > 0) return
      try {
        results[index] = await map(input)
      } catch (error) {
        failures.push(error)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(limit, inputs.length) }, work))
  if (failures.length > 0) throw failures[0]
  return results
}
