export interface BackoffSettings {
  /** The first wait; doubles with each further restart. */
  initialSeconds: number
  maximumSeconds: number
  /** A run that lasted so long starts the series anew. */
  resetSeconds: number
}

/** The kubelet's own figures: 10 s to 5 min, forgotten after twice the maximum. */
export const kubeletBackoff: BackoffSettings = { initialSeconds: 10, maximumSeconds: 300, resetSeconds: 600 }

/** How long a container waits before it is started again. As with the kubelet, the first restart is immediate. */
export class RestartBackoff {
  readonly #settings: BackoffSettings
  #next = 0

  constructor(settings: BackoffSettings) {
    this.#settings = settings
  }

  /** Seconds to wait after a run of `ranSeconds`. */
  after(ranSeconds: number): number {
    const { initialSeconds, maximumSeconds, resetSeconds } = this.#settings
    if (ranSeconds >= resetSeconds) this.#next = 0
    const wait = this.#next
    this.#next = Math.min(maximumSeconds, wait === 0 ? initialSeconds : wait * 2)
    return wait
  }
}
