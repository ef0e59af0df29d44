import { sharedS3Server } from '../../support/s3-server.ts'
import { logDaysContract } from './contract/log-days.ts'

const server = sharedS3Server()

logDaysContract(async (context) => {
  const { createBucket, pathOf } = server(context)
  const bucket = await createBucket()
  return { location: `s3://${bucket}/team/store`, root: pathOf(bucket, 'team/store') }
})
