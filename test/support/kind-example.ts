/** A spec that the server accepts, and ways to change it. */
export interface KindExample {
  spec: Record<string, unknown>
  /** Fields that replace those of `spec`, and what a rule says to the result. */
  refused: { change: Record<string, unknown>; message: string }[]
  /** As above, on the right side of a rule, often just on it. */
  accepted: Record<string, unknown>[]
  /** Another value for each field that must not change once the run has started. */
  other?: Record<string, unknown>
}

export const digest = `sha256:${'0'.repeat(64)}`

const eitherModel = 'give exactly one of trainingRunRef and digest'
export const refusedModelsIn = (field: string, message = eitherModel) => [
  { change: { [field]: {} }, message },
  { change: { [field]: { trainingRunRef: { name: 'run' }, digest } }, message },
]
