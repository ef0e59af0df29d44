/** What is returned for a thing that this machine cannot offer; tests skip with `reason`. */
export interface Unavailable {
  reason: string
}
