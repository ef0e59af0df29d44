/** What is known of a history beside its items; times in milliseconds since 1970. */
export interface HistoryFacts {
  /** Of each item of the history. */
  readonly historyTimes?: Float64Array
  /** Creative through which each item of the history was taken, -1 where it is not known; absent: of none. */
  readonly historyCreatives?: Int32Array
  /** Of the request. */
  readonly time?: number
}
