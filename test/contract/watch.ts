import { describe, expect, it } from 'vitest'
import { type Contract, take, type WatchLine } from './api.ts'
import { widget } from './widget.ts'

export function watchContract(contract: Contract): void {
  const { widgets } = contract
  const summary = ({ type, object }: WatchLine) => [type, object.metadata.name, object.spec?.size]
  const version = async () => (await contract.api.get(widgets())).body.metadata.resourceVersion as string

  describe('a watch', () => {
    it('goes on from a version: added, modified, deleted with the last state and a new version', async () => {
      const name = contract.name()
      const watch = await contract.api.watch(
        `${widgets()}?watch=true&resourceVersion=${await version()}&labelSelector=w=${name}`,
      )
      await contract.api.post(widgets(), widget(name, {}, { labels: { w: name } }))
      const { body: last } = await contract.api.mergePatch(widgets(name), { spec: { size: 2 } })
      await contract.api.delete(widgets(name))
      const events = await take(watch.events, 3)
      watch.stop()
      expect(events.map(summary)).toEqual([
        ['ADDED', name, 1],
        ['MODIFIED', name, 2],
        ['DELETED', name, 2],
      ])
      expect(Number(events[2]?.object.metadata.resourceVersion)).toBeGreaterThan(Number(last.metadata.resourceVersion))
    })

    it('without a version begins with what is there', async () => {
      const name = contract.name()
      await contract.api.post(widgets(), widget(name, {}, { labels: { w: name } }))
      const watch = await contract.api.watch(`${widgets()}?watch=true&labelSelector=w=${name}`)
      expect((await take(watch.events, 1)).map(summary)).toEqual([['ADDED', name, 1]])
      watch.stop()
    })

    it('sees objects come into and leave its selector', async () => {
      const name = contract.name()
      await contract.api.post(widgets(), widget(name))
      const watch = await contract.api.watch(
        `${widgets()}?watch=true&resourceVersion=${await version()}&labelSelector=w=${name}`,
      )
      await contract.api.mergePatch(widgets(name), { metadata: { labels: { w: name } } })
      await contract.api.mergePatch(widgets(name), { spec: { size: 3 } })
      await contract.api.mergePatch(widgets(name), { metadata: { labels: { w: null } } })
      expect((await take(watch.events, 3)).map(({ type }) => type)).toEqual(['ADDED', 'MODIFIED', 'DELETED'])
      watch.stop()
    })

    it('of one name sees that object alone', async () => {
      const [name, other] = [contract.name(), contract.name()]
      const watch = await contract.api.watch(
        `${widgets()}?watch=true&resourceVersion=${await version()}&fieldSelector=metadata.name=${name}`,
      )
      await contract.api.post(widgets(), widget(other))
      await contract.api.post(widgets(), widget(name))
      expect((await take(watch.events, 1)).map(summary)).toEqual([['ADDED', name, 1]])
      watch.stop()
    })

    it('streams the state and then a bookmark when asked for initial events', async () => {
      const name = contract.name()
      await contract.api.post(widgets(), widget(name, {}, { labels: { w: name } }))
      const watch = await contract.api.watch(
        `${widgets()}?watch=true&labelSelector=w=${name}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`,
      )
      const [added, bookmark] = await take(watch.events, 2)
      watch.stop()
      expect(added && summary(added)).toEqual(['ADDED', name, 1])
      expect(bookmark?.type).toBe('BOOKMARK')
      expect(bookmark?.object).toMatchObject({ kind: 'Widget', apiVersion: 'test.adloom.dev/v1' })
      expect(bookmark?.object.metadata.annotations).toEqual({ 'k8s.io/initial-events-end': 'true' })
      const refused = await contract.api.get(`${widgets()}?watch=true&sendInitialEvents=true`)
      expect(refused.body).toMatchObject({ code: 422, reason: 'Invalid' })
    })

    it('carries tables when asked for them', async () => {
      const name = contract.name()
      const watch = await contract.api.watch(
        `${widgets()}?watch=true&resourceVersion=${await version()}&fieldSelector=metadata.name=${name}`,
        'application/json;as=Table;v=v1;g=meta.k8s.io,application/json',
      )
      await contract.api.post(widgets(), widget(name))
      const [event] = await take(watch.events, 1)
      watch.stop()
      expect(event).toMatchObject({
        type: 'ADDED',
        object: { kind: 'Table', rows: [{ cells: [name, 1, null, 'Fast', '0s'] }] },
      })
    })

    it('ends after its time', async () => {
      const watch = await contract.api.watch(
        `${widgets()}?watch=true&resourceVersion=${await version()}&timeoutSeconds=1`,
      )
      expect((await watch.events.next()).done).toBe(true)
    })

    it('of a far too old version is told so', async () => {
      const name = contract.name()
      await contract.api.post(widgets(), widget(name))
      // More writes than a server with a short memory remembers.
      for (let write = 0; write < 60; write++) {
        await contract.api.mergePatch(widgets(name), { spec: { replicas: write } })
      }
      const watch = await contract.api.watch(`${widgets()}?watch=true&resourceVersion=1`)
      const [event] = await take(watch.events, 1)
      watch.stop()
      expect(event).toMatchObject({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } })
    })
  })
}
