type Reason =
  | 'NoExposedLists'
  | 'NoTrainingRequests'
  | 'NoValidationRequests'
  | 'NoClicks'
  | 'NoConversions'
  | 'NoCreatives'
  | 'WrongCodes'
  | 'WrongParameters'

/** A log that lacks what a reward model learns from; trying again does not help. */
export class RewardDataError extends Error {
  readonly reason: Reason
  readonly retryable = false

  constructor(reason: Reason, message: string) {
    super(message)
    this.name = 'RewardDataError'
    this.reason = reason
  }
}
