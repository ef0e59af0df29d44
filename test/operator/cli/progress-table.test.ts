import { describe, expect, test } from 'vitest'
import {
  changedLines,
  duration,
  progressTable,
  type ShownObject,
  settledState,
} from '../../../operator/cli/progress-table.ts'

const condition = (type: string, status: 'True' | 'False') => ({
  type,
  status,
  reason: 'Running',
  message: '',
  lastTransitionTime: '2026-01-01T00:00:00Z',
})

const run = (percent: number, status: Partial<ShownObject['status']> = {}): ShownObject => ({
  apiVersion: 'adloom.dev/v1alpha1',
  kind: 'TrainingRun',
  metadata: { name: 'beauty', generation: 2 },
  status: {
    observedGeneration: 2,
    state: 'Running',
    progress: {
      phase: 'Training',
      step: percent,
      totalSteps: 100,
      percent,
      estimatedSecondsRemaining: 75,
      metrics: [{ name: 'loss', value: '3.1' }],
    },
    ...status,
  },
})

describe('the progress table', () => {
  test('shows a bar, percent, phase, time left and numbers', () => {
    expect(progressTable([run(50)], 200)).toEqual([
      'TrainingRun  beauty  Running  ████████████░░░░░░░░░░░░   50 %  Training  1 min 15 s left  loss 3.1',
    ])
  })

  test('never is wider than the terminal', () => {
    expect(progressTable([run(50)], 20)[0]).toHaveLength(20)
  })

  test('tells a change once where nothing can be redrawn', () => {
    const first = changedLines(new Map(), [run(30)])
    expect([...first.values()]).toEqual(['TrainingRun/beauty Running 25 %'])
    expect(changedLines(first, [run(40)]).size).toBe(0)
    expect([...changedLines(first, [run(55)]).values()]).toEqual(['TrainingRun/beauty Running 50 %'])
  })

  test.each([
    [5, '5 s'],
    [75, '1 min 15 s'],
    [3700, '1 h 1 min'],
  ])('%i seconds are %s', (seconds, words) => {
    expect(duration(seconds)).toBe(words)
  })

  test.each([
    ['not looked at since the last change', { observedGeneration: 1 }, 'InProgress'],
    ['ready', { conditions: [condition('Ready', 'True')] }, 'Current'],
    ['given up', { conditions: [condition('Ready', 'False'), condition('Stalled', 'True')] }, 'Failed'],
    ['on the way', { conditions: [condition('Ready', 'False')] }, 'InProgress'],
  ])('an object that is %s', (_, status, state) => {
    expect(settledState(run(0, status))).toBe(state)
  })
})
