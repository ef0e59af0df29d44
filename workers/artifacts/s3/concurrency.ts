/** Results in the order of the inputs, at most `limit` of them under way. The first error ends it. */
export async function mapAtOnce<From, To>(
  inputs: readonly From[],
  limit: number,
  map: (input: From) => Promise<To>,
): Promise<To[]> {
  const results: To[] = []
  const entries = inputs.entries()
  const work = async (): Promise<void> => {
    for (const [index, input] of entries) results[index] = await map(input)
  }
  await Promise.all(Array.from({ length: Math.min(limit, inputs.length) }, work))
  return results
}
