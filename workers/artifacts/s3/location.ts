/** `s3://bucket/prefix`, and what the environment says of the server. */

import { InvalidNameError } from '../errors.ts'

export interface S3Location {
  bucket: string
  /** Empty, or ending with a slash. */
  prefix: string
  /** Without the slash at the end. */
  uri: string
}

const BUCKET_PATTERN = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/
const PREFIX_PART_PATTERN = /^[A-Za-z0-9_=.-]{1,255}$/

/** @throws InvalidNameError */
export function parseS3Uri(uri: string): S3Location {
  const [bucket = '', ...parts] = uri.replace(/^s3:\/\//, '').split('/')
  if (!uri.startsWith('s3://') || !BUCKET_PATTERN.test(bucket)) {
    throw new InvalidNameError('S3 URI', uri, 's3://BUCKET or s3://BUCKET/PREFIX')
  }
  const named = parts.filter((part) => part !== '')
  if (!named.every((part) => PREFIX_PART_PATTERN.test(part) && part !== '.' && part !== '..')) {
    throw new InvalidNameError('S3 URI', uri, 'the prefix holds letters, digits and _ = . - between its slashes')
  }
  const prefix = named.map((part) => `${part}/`).join('')
  return { bucket, prefix, uri: `s3://${bucket}/${prefix}`.replace(/\/$/, '') }
}

type Environment = Readonly<Record<string, string | undefined>>

export interface S3Server {
  /** Undefined: AWS itself. */
  endpoint: string | undefined
  /** Undefined: the SDK looks into the profile. */
  region: string | undefined
  /** Whether the bucket stands in the path of the URL, not in the name of the host. */
  pathStyle: boolean
}

/** The variables that every S3 client reads, and ADLOOM_S3_PATH_STYLE (true or false). */
export function serverOf(environment: Environment): S3Server {
  const endpoint = environment.AWS_ENDPOINT_URL_S3 || environment.AWS_ENDPOINT_URL || undefined
  const region = environment.AWS_REGION || environment.AWS_DEFAULT_REGION || undefined
  const pathStyle = environment.ADLOOM_S3_PATH_STYLE
  return {
    endpoint,
    // Servers of one's own rarely have regions, yet each request is signed for one.
    region: region ?? (endpoint === undefined ? undefined : 'us-east-1'),
    // Few servers of one's own answer to a host name for every bucket.
    pathStyle: pathStyle ? pathStyle === 'true' : endpoint !== undefined,
  }
}
