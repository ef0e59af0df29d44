import type { OpenAllocation } from './stage-jobs.ts'

export const openAllocation: OpenAllocation = async () => {
  throw new Error('Not wired yet')
}
