import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readManifests } from '../../../operator/cli/manifests.ts'

const folderOf = (files: Record<string, string>): string => {
  const folder = mkdtempSync(join(tmpdir(), 'adloom-manifests-'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

const pool = (name: string) => `apiVersion: adloom.dev/v1alpha1\nkind: WorkerPool\nmetadata:\n  name: ${name}\n`

describe('manifests', () => {
  test('a folder is read in the order of names, several documents a file', () => {
    const folder = folderOf({ 'b.yaml': pool('three'), 'a.yml': `${pool('one')}---\n${pool('two')}`, 'c.txt': 'no' })
    const names = readManifests([folder], {}).map(({ object }) => object.metadata.name)
    expect(names).toEqual(['one', 'two', 'three'])
  })

  test('an object that two folders state alike is one', () => {
    const folders = [folderOf({ 'a.yaml': pool('one') }), folderOf({ 'a.yaml': pool('one'), 'b.yaml': pool('two') })]
    expect(readManifests(folders, {}).map(({ object }) => object.metadata.name)).toEqual(['one', 'two'])
  })

  test('a Secret is one of them, for Pods that read it', () => {
    const secret = 'apiVersion: v1\nkind: Secret\nmetadata: {name: adloom-store}\nstringData: {KEY: "${KEY}"}\n'
    const [manifest] = readManifests([folderOf({ 'a.yaml': secret })], { KEY: 'word' })
    expect(manifest).toMatchObject({ resource: { plural: 'secrets' }, object: { stringData: { KEY: 'word' } } })
  })

  test('variables come from the environment, with defaults', () => {
    const folder = folderOf({ 'a.yaml': `${pool('one')}  labels: {x: "\${A}-\${B:-z}"}\n` })
    expect(readManifests([folder], { A: 'y' })[0]?.object.metadata.labels).toEqual({ x: 'y-z' })
    expect(() => readManifests([folder], {})).toThrow(/a\.yaml: the environment variable A is not set/)
  })

  test.each([
    ['malformed YAML with its line', 'kind: WorkerPool\nmetadata: [\n', /a\.yaml:\d+: /],
    [
      'a kind of others',
      'apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n',
      /a\.yaml:1: v1 Pod is none of Adloom's kinds/,
    ],
    ['a missing name', 'apiVersion: adloom.dev/v1alpha1\nkind: Dataset\n', /a\.yaml:1: metadata\.name is missing/],
    ['nothing at all', '# empty\n', /no manifest in/],
  ])('refuses %s', (_, text, message) => {
    expect(() => readManifests([folderOf({ 'a.yaml': text })], {})).toThrow(message)
  })

  test('refuses a path that is not there', () => {
    expect(() => readManifests(['/nowhere/at/all'], {})).toThrow(/\/nowhere\/at\/all does not exist/)
  })
})
