import { createHash } from 'node:crypto'
import { createServer } from 'node:net'

/**
 * Addresses of the loopback network, one for each Pod or Service. Linux answers on all of 127.0.0.0/8 with no set-up,
 * so several Pods can listen on the same port. An address follows from the uid, so that it survives a restart of the
 * node and two nodes of one machine hardly ever meet.
 */
export class LoopbackAddresses {
  readonly #second: number
  readonly #taken = new Map<string, string>()

  /** `range`: Pods get 127.64.0.0/10, Services 127.128.0.0/10. */
  constructor(range: 'pods' | 'services') {
    this.#second = range === 'pods' ? 64 : 128
  }

  allocate(uid: string): string {
    const present = [...this.#taken].find(([, owner]) => owner === uid)
    if (present) return present[0]
    for (let attempt = 0; ; attempt++) {
      const [a = 0, b = 0, c = 0] = createHash('sha256').update(`${attempt}/${uid}`).digest()
      // 0 and 255 at the end look like a network and a broadcast address.
      const address = `127.${this.#second + (a & 63)}.${b}.${1 + (c % 254)}`
      if (this.#taken.has(address)) continue
      this.#taken.set(address, uid)
      return address
    }
  }

  release(uid: string): void {
    for (const [address, owner] of this.#taken) if (owner === uid) this.#taken.delete(address)
  }
}

/** Whether this system lets a process listen on any address of 127.0.0.0/8: Linux does, macOS does not. */
export function canBindLoopbackRange(): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ host: '127.64.0.1', port: 0 }, () => server.close(() => resolve(true)))
  })
}
