// The protocol buffer wire format, as far as an ONNX model needs it: varints, floats and length-delimited fields.

const varintBytes = (number: bigint): number[] => {
  let rest = BigInt.asUintN(64, number)
  const bytes: number[] = []
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80)
    rest >>= 7n
  }
  bytes.push(Number(rest))
  return bytes
}

const tag = (field: number, wireType: number): number[] => varintBytes(BigInt((field << 3) | wireType))

/** A message in the making; fields appear in the order in which they are written. */
export class ProtobufMessage {
  readonly #pieces: Uint8Array[] = []
  #length = 0

  integer(field: number, number: number | bigint): this {
    return this.#push(Uint8Array.from([...tag(field, 0), ...varintBytes(BigInt(number))]))
  }

  float(field: number, number: number): this {
    return this.#push(Uint8Array.from(tag(field, 5))).#push(new Uint8Array(Float32Array.of(number).buffer))
  }

  text(field: number, text: string): this {
    return this.bytes(field, new TextEncoder().encode(text))
  }

  bytes(field: number, bytes: Uint8Array): this {
    return this.#push(Uint8Array.from([...tag(field, 2), ...varintBytes(BigInt(bytes.length))])).#push(bytes)
  }

  message(field: number, message: ProtobufMessage): this {
    const head = Uint8Array.from([...tag(field, 2), ...varintBytes(BigInt(message.#length))])
    this.#push(head)
    for (const piece of message.#pieces) this.#push(piece)
    return this
  }

  finish(): Uint8Array {
    const whole = new Uint8Array(this.#length)
    let offset = 0
    for (const piece of this.#pieces) {
      whole.set(piece, offset)
      offset += piece.length
    }
    return whole
  }

  #push(piece: Uint8Array): this {
    this.#pieces.push(piece)
    this.#length += piece.length
    return this
  }
}
