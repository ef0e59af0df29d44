/** A specification that cannot be carried out on this Dataset; trying again does not help. */
export class TokenizerSpecError extends Error {
  readonly reason: string
  readonly retryable = false
  /** Field of the spec that must change, such as `features.text`. */
  readonly field: string
  /** The message without the field. */
  readonly detail: string

  constructor(reason: string, field: string, message: string) {
    super(`spec.${field}: ${message}`)
    this.name = 'TokenizerSpecError'
    this.reason = reason
    this.field = field
    this.detail = message
  }
}
