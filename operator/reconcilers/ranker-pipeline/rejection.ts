import type { Champion } from '../../../crds/pipeline-status.ts'
import type { Draft } from './draft.ts'

/**
 * What a RankerDeployment found out online: a champion, now or before, that failed after it was promoted. An older
 * finding about a model that a person promoted again is past.
 */
export function takeRejections(draft: Draft): void {
  for (const { rejected } of draft.seen.followers) {
    for (const { digest, reason, message, time } of rejected) {
      const { champion, lineage = [] } = draft.status
      const model = [champion, ...lineage].find((one) => one?.digest === digest)
      if (!model || draft.isRejected(digest) || Date.parse(time) <= Date.parse(model.promotedAt)) continue
      draft.reject(digest, reason, message, time)
    }
  }
  if (!draft.status.champion) goBack(draft, 'the champion failed online')
}

/** Until the store tells of an artifact that comes back. */
const missingArtifactMs = 5000

/** A champion whose artifact is gone is made again by its run, or else the one before takes over. */
export function mendChampion(draft: Draft): void {
  const { champion } = draft.status
  if (!champion || draft.standingChampion) return
  draft.lookAgainAfter(missingArtifactMs)
  if (isMadeAgain(draft, champion)) {
    draft.act({ do: 'wake', kind: 'TrainingRun', name: champion.trainingRun })
    return
  }
  if (!successor(draft)) return
  const message = 'its artifact is gone from the store, and no run is there to make it again'
  draft.demote(champion.digest, message)
  goBack(draft, `the artifact of ${champion.trainingRun} is gone`)
}

/** Whether the run that made the champion is there to make it once more. */
export function isMadeAgain(draft: Draft, champion: Champion): boolean {
  const training = draft.seen.children.find(({ kind, name }) => kind === 'TrainingRun' && name === champion.trainingRun)
  if (!training || training.deleting || training.state === 'Stalled') return false
  return training.digest === undefined || training.digest === champion.digest
}

/** The last champion that did not fail online and whose artifact is there. */
const successor = (draft: Draft): Champion | undefined =>
  draft.status.lineage?.find(({ digest }) => !draft.isRejected(digest) && !draft.seen.missing.has(digest))

function goBack(draft: Draft, why: string): void {
  const next = successor(draft)
  if (next) draft.promote(next, `takes over again: ${why}`)
}
