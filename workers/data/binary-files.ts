/** Typed arrays in files, little endian, in pieces. */
import { type FileHandle, open, writeFile } from 'node:fs/promises'
import { endianness } from 'node:os'

export type NumericArray = Uint8Array | Int32Array | Uint32Array | Float32Array | Float64Array

const PIECE_BYTES = 1 << 26

function requireLittleEndian(): void {
  if (endianness() !== 'LE') throw new Error('Dataset files are little endian; this machine is not')
}

/** Appends numbers to a file, a chunk at a time. */
export class NumberFile {
  readonly #handle: FileHandle
  readonly #create: (values: readonly number[]) => NumericArray

  private constructor(handle: FileHandle, create: (values: readonly number[]) => NumericArray) {
    this.#handle = handle
    this.#create = create
  }

  static async create(path: string, create: (values: readonly number[]) => NumericArray): Promise<NumberFile> {
    requireLittleEndian()
    return new NumberFile(await open(path, 'w'), create)
  }

  async append(values: readonly number[]): Promise<void> {
    if (values.length > 0) await this.#handle.appendFile(new Uint8Array(this.#create(values).buffer))
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}

export const uint8 = (values: readonly number[]): Uint8Array => Uint8Array.from(values)
export const int32 = (values: readonly number[]): Int32Array => Int32Array.from(values)
export const uint32 = (values: readonly number[]): Uint32Array => Uint32Array.from(values)
export const float32 = (values: readonly number[]): Float32Array => Float32Array.from(values)
export const float64 = (values: readonly number[]): Float64Array => Float64Array.from(values)

/** The whole file as one buffer; in pieces, as one read call takes less than 2 GiB. */
async function readBuffer(path: string): Promise<ArrayBuffer> {
  requireLittleEndian()
  const handle = await open(path, 'r')
  try {
    const { size } = await handle.stat()
    const buffer = new ArrayBuffer(size)
    for (let position = 0; position < size; ) {
      const piece = new Uint8Array(buffer, position, Math.min(PIECE_BYTES, size - position))
      const { bytesRead } = await handle.read(piece, 0, piece.length, position)
      if (bytesRead === 0) throw new Error(`${path} ended early`)
      position += bytesRead
    }
    return buffer
  } finally {
    await handle.close()
  }
}

export const readUint8File = async (path: string): Promise<Uint8Array> => new Uint8Array(await readBuffer(path))
export const readInt32File = async (path: string): Promise<Int32Array> => new Int32Array(await readBuffer(path))
export const readUint32File = async (path: string): Promise<Uint32Array> => new Uint32Array(await readBuffer(path))
export const readFloat32File = async (path: string): Promise<Float32Array> => new Float32Array(await readBuffer(path))
export const readFloat64File = async (path: string): Promise<Float64Array> => new Float64Array(await readBuffer(path))

/** Writes a whole array as a file. */
export async function writeNumberFile(path: string, values: NumericArray): Promise<void> {
  requireLittleEndian()
  await writeFile(path, new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
}
