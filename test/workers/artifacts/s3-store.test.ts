import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe } from 'vitest'
import { openS3Store } from '../../../workers/artifacts/s3/store.ts'
import { sharedS3Server } from '../../support/s3-server.ts'
import { artifactContract } from './contract/artifacts.ts'
import { checkpointContract } from './contract/checkpoints.ts'
import { garbageContract } from './contract/garbage.ts'
import { ledgerContract } from './contract/ledger.ts'
import { ageFiles, type NewPlace } from './contract/place.ts'
import { temporaryFolder } from './support.ts'

const server = sharedS3Server()

const newPlace: NewPlace = async (context) => {
  const { createBucket, pathOf } = server(context)
  const bucket = await createBucket()
  const uri = `s3://${bucket}/team/store`
  const root = pathOf(bucket, 'team/store')
  const elsewhere = async () => {
    const local = await temporaryFolder()
    return openS3Store(uri, { scratch: join(local, 'scratch'), cacheFolder: join(local, 'cache') })
  }
  const pathOfUri = (reference: { uri: string }) => join(root, reference.uri.slice(uri.length))
  return {
    store: await elsewhere(),
    elsewhere,
    root,
    async fileOf(reference, file) {
      const published = await readFile(join(pathOfUri(reference), 'published'), 'utf8')
      return join(pathOfUri(reference), published.split('\n')[0], file)
    },
    manifestOf: (reference) => join(pathOfUri(reference), 'published'),
    age: (folder, milliseconds) => ageFiles(join(root, folder), milliseconds),
  }
}

describe('S3 store', () => {
  artifactContract(newPlace)
  checkpointContract(newPlace)
  ledgerContract(newPlace)
  garbageContract(newPlace)
})
