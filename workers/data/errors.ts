/** Errors of data and of their description. Retrying does not help: someone has to change the data or the spec. */

/** CamelCase, so that it can stand as a condition's reason. */
export type DataErrorReason =
  | 'BadRows'
  | 'ColumnNotFound'
  | 'InvalidSpec'
  | 'NoInteractions'
  | 'NoRequests'
  | 'SourceNotFound'
  | 'SourceUnreadable'
  | 'TooLarge'

export interface BadRow {
  /** Relative to the source. */
  file: string
  /** From 1; in Parquet the row. */
  line: number
  reason: string
}

export class BadDataError extends Error {
  readonly reason: DataErrorReason
  readonly retryable = false
  /** The first of them, where rows are the trouble. */
  readonly badRows: readonly BadRow[]

  constructor(
    reason: DataErrorReason,
    message: string,
    options: { badRows?: readonly BadRow[]; cause?: unknown } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.name = 'BadDataError'
    this.reason = reason
    this.badRows = options.badRows ?? []
  }
}

/** The files are not those that were pinned; pinning them anew and running again helps. */
export class SourceChangedError extends Error {
  readonly reason = 'SourceChanged'
  readonly retryable = true
  constructor(pinned: string, found: string) {
    super(
      `The source changed while the job waited or ran: pinned ${pinned}, found ${found}. ` +
        'The next poll pins the new contents; write complete files under a new name, then rename them, to avoid this.',
    )
    this.name = 'SourceChangedError'
  }
}

/** The server of the source does not let us in, or does not answer: whoever mends that wants the run to go on. */
export class SourceAccessError extends Error {
  readonly reason: string
  readonly retryable = true
  constructor(reason: string, message: string) {
    super(message)
    this.name = 'SourceAccessError'
    this.reason = reason
  }
}

/** The worker's own disk is too small for what is to be read. */
export class ScratchFullError extends Error {
  readonly reason = 'ScratchFull'
  readonly retryable = true
  constructor(folder: string, bytes: number, cause: unknown) {
    super(
      `No space left in ${folder} for the ${bytes} bytes of the source. Give the volume "scratch" of the WorkerPool's ` +
        'template more room, or read fewer objects.',
      { cause },
    )
    this.name = 'ScratchFullError'
  }
}
