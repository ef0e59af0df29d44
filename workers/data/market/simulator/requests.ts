/** When users come: the places in their sequences before which they make a request. */
import type { MarketSimulation } from '../../../../crds/market-simulation.ts'
import { Random } from '../../../tensor/random.ts'
import type { Dataset } from '../../dataset-reader.ts'
import { requestParts } from '../market.ts'

export interface Visits {
  readonly count: number
  readonly user: number[]
  /** Events before the request; the next one is what the user took then. */
  readonly historyEnd: number[]
  readonly part: number[]
}

/**
 * Training requests at distinct places of the training part with at least one event before them; one before the first
 * validation event and one before the first test event. Users and places ascend.
 */
export function drawVisits(
  dataset: Pick<Dataset, 'userCount' | 'offsets' | 'trainEnd' | 'validationEnd'>,
  { seed, requestsPerUser, maxUsers }: MarketSimulation,
): Visits {
  const visits = { user: [] as number[], historyEnd: [] as number[], part: [] as number[] }
  const users = new Random(seed, 'users').permutation(dataset.userCount).subarray(0, maxUsers).sort()
  for (const user of users) {
    const add = (historyEnd: number, part: number): void => {
      visits.user.push(user)
      visits.historyEnd.push(historyEnd)
      visits.part.push(part)
    }
    const trainEnd = dataset.trainEnd[user]
    const validationEnd = dataset.validationEnd[user]
    const places = new Random(seed, 'places', user).permutation(Math.max(0, trainEnd - 1))
    for (const place of places.subarray(0, requestsPerUser).sort()) add(place + 1, requestParts.train)
    if (validationEnd > trainEnd) add(trainEnd, requestParts.validation)
    if (dataset.offsets[user + 1] - dataset.offsets[user] > validationEnd) add(validationEnd, requestParts.test)
  }
  return { count: visits.user.length, ...visits }
}
