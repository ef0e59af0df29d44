/** Files to objects, in parts where they are large, so that memory is bounded whatever their size. */
import { type FileHandle, open } from 'node:fs/promises'
import type { CompletedPart } from '@aws-sdk/client-s3'
import type { Connection } from './sdk.ts'

const MEBIBYTE = 1 << 20
const SMALLEST_PART = 16 * MEBIBYTE
const PARTS_AT_ONCE = 3
/** S3 allows 10,000. */
const MOST_PARTS = 9000

/** Bytes of a part: a whole number of MiB, so that the largest file has few enough of them. */
export const partSizeOf = (size: number): number =>
  Math.max(SMALLEST_PART, Math.ceil(size / MOST_PARTS / MEBIBYTE) * MEBIBYTE)

export async function uploadFile(
  { sdk, client }: Connection,
  place: { Bucket: string; Key: string },
  path: string,
): Promise<void> {
  const handle = await open(path, 'r')
  try {
    const { size } = await handle.stat()
    if (size <= SMALLEST_PART) {
      // The length is given for the sake of empty files, which the SDK would take for streams.
      const Body = await readPart(handle, 0, size)
      await client.send(new sdk.PutObjectCommand({ ...place, Body, ContentLength: size }))
    } else {
      await uploadInParts({ sdk, client }, place, { handle, size })
    }
  } finally {
    await handle.close()
  }
}

async function uploadInParts(
  { sdk, client }: Connection,
  place: { Bucket: string; Key: string },
  file: { handle: FileHandle; size: number },
): Promise<void> {
  // Named at every step: a server refuses parts whose checksums it was not told of, and an end that lacks them.
  const ChecksumAlgorithm = 'CRC32'
  const { UploadId } = await client.send(new sdk.CreateMultipartUploadCommand({ ...place, ChecksumAlgorithm }))
  const partSize = partSizeOf(file.size)
  const parts: CompletedPart[] = []
  let next = 0
  const sendParts = async (): Promise<void> => {
    for (;;) {
      const start = next
      if (start >= file.size) return
      next += partSize
      const PartNumber = start / partSize + 1
      const Body = await readPart(file.handle, start, Math.min(partSize, file.size - start))
      const part = { ...place, UploadId, PartNumber, Body, ChecksumAlgorithm } as const
      const sent = await client.send(new sdk.UploadPartCommand(part))
      parts.push({ PartNumber, ETag: sent.ETag, ...checksumsOf(sent) })
    }
  }
  const sendOrStop = () =>
    sendParts().catch((error: unknown) => {
      next = file.size
      throw error
    })
  try {
    const senders = await Promise.allSettled(Array.from({ length: PARTS_AT_ONCE }, sendOrStop))
    for (const sender of senders) if (sender.status === 'rejected') throw sender.reason
    parts.sort((one, other) => (one.PartNumber ?? 0) - (other.PartNumber ?? 0))
    await client.send(new sdk.CompleteMultipartUploadCommand({ ...place, UploadId, MultipartUpload: { Parts: parts } }))
  } catch (error) {
    // What stays behind when this fails too is ended by garbage collection.
    await client.send(new sdk.AbortMultipartUploadCommand({ ...place, UploadId })).catch(() => undefined)
    throw error
  }
}

/** Older servers answer without. */
function checksumsOf({ ChecksumCRC32 }: { ChecksumCRC32?: string | undefined }): Partial<CompletedPart> {
  return ChecksumCRC32 === undefined ? {} : { ChecksumCRC32 }
}

async function readPart(handle: FileHandle, start: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, start + filled)
    if (bytesRead === 0) throw new Error('A file became shorter while it was uploaded')
    filled += bytesRead
  }
  return buffer
}
