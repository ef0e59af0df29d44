import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

export interface ImageConfig {
  Entrypoint: string[]
  User?: string
  Env?: string[]
  WorkingDir?: string
}

const run = promisify(execFile)
// The same content gives the same digest.
const reproducible = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner']
const types = {
  layer: 'application/vnd.oci.image.layer.v1.tar',
  config: 'application/vnd.oci.image.config.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
}

/**
 * Makes an image of one layer from the folder `root` below `folder`, as an OCI archive (image-spec, image-layout.md).
 *
 * @param name with a host that does not exist, such as `adloom.local/pod:1`: a name without a host would be completed
 * with that of a public registry.
 * @returns the path of the archive.
 */
export async function writeArchive(folder: string, name: string, config: ImageConfig): Promise<string> {
  const layout = join(folder, 'layout')
  const blobs = join(layout, 'blobs', 'sha256')
  await mkdir(blobs, { recursive: true })
  const addBlob = async (mediaType: string, content: Buffer | string) => {
    const hash = createHash('sha256').update(content).digest('hex')
    await writeFile(join(blobs, hash), content)
    return { mediaType, digest: `sha256:${hash}`, size: Buffer.byteLength(content) }
  }
  const tar = join(folder, 'layer.tar')
  await run('tar', [...reproducible, '-C', join(folder, 'root'), '-cf', tar, '.'])
  const layer = await addBlob(types.layer, await readFile(tar))
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch
  const description = { architecture, os: 'linux', config, rootfs: { type: 'layers', diff_ids: [layer.digest] } }
  const manifest = {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: await addBlob(types.config, JSON.stringify(description)),
    layers: [layer],
  }
  const annotations = { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': name }
  const entry = { ...(await addBlob(types.manifest, JSON.stringify(manifest))), annotations }
  await writeFile(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [entry] }))
  await writeFile(join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }))
  const archive = join(folder, 'image.tar')
  await run('tar', ['-C', layout, '-cf', archive, 'oci-layout', 'index.json', 'blobs'])
  return archive
}
