import type { RankAnswer } from '../../crds/rank.ts'

/** @throws with the answer when it is not 200. */
export async function rank(url: string, request: object): Promise<RankAnswer> {
  const headers = { 'content-type': 'application/json', connection: 'close' }
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(request) })
  const text = await response.text()
  if (response.status !== 200) throw new Error(`${url} answered ${response.status}: ${text}`)
  return JSON.parse(text) as RankAnswer
}
