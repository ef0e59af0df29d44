/** Something that the person at the keyboard can mend; the message says how. */
export class UsageError extends Error {
  override name = 'UsageError'
}
