// What takes long to open and is not always needed: it is opened when it is first asked for.

export class OpenedOnce<Part extends { release(): Promise<void> }> {
  readonly #open: () => Promise<Part>
  #opening: Promise<Part> | undefined

  constructor(open: () => Promise<Part>) {
    this.#open = open
  }

  /** The same for all who ask. Where it could not be opened, whoever asks next tries again. */
  get(): Promise<Part> {
    if (this.#opening !== undefined) return this.#opening
    const opening = Promise.try(this.#open)
    this.#opening = opening
    opening.catch(() => {
      if (this.#opening === opening) this.#opening = undefined
    })
    return opening
  }

  /** Lets go of what was opened, if anything was. */
  async release(): Promise<void> {
    const opening = this.#opening
    this.#opening = undefined
    await (await opening?.catch(() => undefined))?.release()
  }
}
