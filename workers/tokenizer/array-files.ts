// Numbers in files: little-endian arrays, nothing else.

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A verified artifact, as far as it is read here. */
export interface ReadableArtifact {
  path(file: string): string
}

export type NumberArray = Uint8Array | Uint16Array | Uint32Array | Float32Array

const bytesOf = ({ buffer, byteOffset, byteLength }: NumberArray): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)

export async function writeArrays(
  directory: string,
  arrays: Readonly<Record<string, NumberArray | undefined>>,
): Promise<void> {
  for (const [file, array] of Object.entries(arrays)) {
    if (array !== undefined) await writeFile(join(directory, file), bytesOf(array))
  }
}

/** A buffer of its own, aligned for any element. */
async function readArrayBuffer(artifact: ReadableArtifact, file: string): Promise<ArrayBuffer> {
  const bytes = await readFile(artifact.path(file))
  return new Uint8Array(bytes).buffer
}

export const readUint8 = async (artifact: ReadableArtifact, file: string) =>
  new Uint8Array(await readArrayBuffer(artifact, file))
export const readUint16 = async (artifact: ReadableArtifact, file: string) =>
  new Uint16Array(await readArrayBuffer(artifact, file))
export const readUint32 = async (artifact: ReadableArtifact, file: string) =>
  new Uint32Array(await readArrayBuffer(artifact, file))
export const readFloat32 = async (artifact: ReadableArtifact, file: string) =>
  new Float32Array(await readArrayBuffer(artifact, file))

/** One JSON string a line. */
export const writeIds = (directory: string, file: string, ids: readonly string[]): Promise<void> =>
  writeFile(join(directory, file), ids.map((id) => `${JSON.stringify(id)}\n`).join(''))

export async function readIds(artifact: ReadableArtifact, file: string, count: number): Promise<string[]> {
  const lines = await readFile(artifact.path(file), 'utf8')
  return lines
    .split('\n')
    .slice(0, count)
    .map((line) => JSON.parse(line) as string)
}
