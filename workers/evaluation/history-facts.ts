/** When a history happened, in milliseconds since 1970, as far as that is known. */
export interface HistoryTimes {
  /** Of each item of the history. */
  readonly historyTimes?: Float64Array
  /** Of the request. */
  readonly time?: number
}
