import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Registry } from 'prom-client'
import { beforeAll, describe, expect, test } from 'vitest'
import { OperatorMetrics } from '../../operator/control/metrics.ts'
import { createMetrics } from '../../workers/serving/metrics.ts'
import { type Rendered, render } from '../support/helm.ts'

interface Rule {
  alert: string
  expr: string
  labels: { severity: string }
  annotations: Record<string, string>
}

interface Panel {
  title: string
  type: string
  gridPos: { x: number; y: number; w: number; h: number }
  targets?: { expr: string }[]
}

let objects: Rendered[]
let rules: Rule[]
let panels: Panel[]

beforeAll(async () => {
  const enabled = { enabled: true }
  objects = await render({
    crds: { install: false },
    monitoring: {
      serviceMonitor: enabled,
      prometheusRule: { enabled: true, runbookBase: 'https://wiki.example/runbooks/' },
      dashboards: enabled,
    },
  })
  const groups = find('PrometheusRule').spec?.groups as { rules: Rule[] }[]
  rules = groups.flatMap((group) => group.rules)
  const text = find('ConfigMap').data?.['adloom.json'] ?? ''
  panels = (JSON.parse(text) as { panels: Panel[] }).panels
})

function find(kind: string): Rendered {
  const object = objects.find((one) => one.kind === kind)
  if (!object) throw new Error(`no ${kind} was rendered`)
  return object
}

/** Labels that a scrape adds, by the monitors of the chart. */
const scraped = ['namespace', 'pod', 'adloom_dev_ranker', 'adloom_dev_revision', 'job', 'instance']

/** Names of series with their labels, as Prometheus stores them. */
async function seriesOf(registry: Registry): Promise<[string, Set<string>][]> {
  const metrics = registry.getMetricsAsArray() as unknown as { name: string; type: string; labelNames?: string[] }[]
  return metrics.flatMap(({ name, type, labelNames = [] }) => {
    const labels = [...labelNames, ...scraped]
    if (type !== 'histogram') return [[name, new Set(labels)]]
    return [
      [`${name}_bucket`, new Set([...labels, 'le'])],
      [`${name}_sum`, new Set(labels)],
      [`${name}_count`, new Set(labels)],
    ]
  })
}

const functions = /\b(absent|sum|max|count|by|rate|increase|histogram_quantile)\b/g

/** What an expression asks for that nobody exports. */
function problemsOf(expression: string, series: Map<string, Set<string>>): string[] {
  const bare = expression.replace(/"[^"]*"/g, '""').replace(/\[[^\]]*\]/g, '')
  const grouped = [...bare.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, names = '']) => names.split(/, ?/))
  const matched = [...bare.matchAll(/([a-z_]+)\{([^}]*)\}/g)].flatMap(([, name = '', inner = '']) =>
    [...inner.matchAll(/([a-z_]+)\s*(?:=~|!~|!=|=)""/g)].map(([, label = '']) => [name, label] as const),
  )
  const names = bare
    .replace(/\bby \([^)]*\)/g, '')
    .replace(/\{[^}]*\}/g, '')
    .replace(functions, '')
    .match(/[a-z_]+[a-z0-9_]*/gi)
  const asked = [...new Set(names ?? [])]
  const known = asked.filter((name) => series.has(name))
  return [
    ...asked.filter((name) => !series.has(name)).map((name) => `nobody exports ${name}`),
    ...[...known.flatMap((name) => grouped.map((label) => [name, label] as const)), ...matched]
      .filter(([name, label]) => series.get(name)?.has(label) === false)
      .map(([name, label]) => `${name} has no label ${label}`),
    ...(known.length === 0 ? [`${expression} asks for nothing`] : []),
  ]
}

async function allSeries(): Promise<Map<string, Set<string>>> {
  const operator = new OperatorMetrics({ processMetrics: true })
  const serving = createMetrics(() => 0)
  return new Map([...(await seriesOf(operator.registry)), ...(await seriesOf(serving.registry))])
}

test('alerts and panels ask for series and labels that exist', async () => {
  const series = await allSeries()
  const expressions = [
    ...rules.map(({ expr }) => expr),
    ...panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
  ]
  expect(expressions.length).toBeGreaterThan(20)
  expect(expressions.flatMap((expression) => problemsOf(expression, series))).toEqual([])
})

test('the check finds a series and a label that do not exist', async () => {
  const series = await allSeries()
  expect(problemsOf('sum by (namespace) (rate(adloom_rank_request_total{code="500"}[5m]))', series)).toContain(
    'nobody exports adloom_rank_request_total',
  )
  expect(problemsOf('max by (colour) (workqueue_depth)', series)).toEqual(['workqueue_depth has no label colour'])
  expect(problemsOf('workqueue_depth{color="red"} > 1', series)).toEqual(['workqueue_depth has no label color'])
})

describe('alerts', () => {
  test('each say how bad it is, what it is and where its runbook is, and every runbook has an alert', () => {
    const folder = join(import.meta.dirname, '../../docs/runbooks')
    const pages = rules.map(({ annotations }) => annotations.runbook_url?.replace('https://wiki.example/runbooks/', ''))
    for (const { labels, annotations } of rules) {
      expect(['critical', 'warning']).toContain(labels.severity)
      expect(Object.keys(annotations).sort()).toEqual(['description', 'runbook_url', 'summary'])
    }
    expect(pages.sort()).toEqual(readdirSync(folder).sort())
    for (const { alert, annotations } of rules) {
      const page = annotations.runbook_url?.split('/').at(-1) ?? ''
      const text = readFileSync(join(folder, page), 'utf8')
      expect(text, page).toMatch(new RegExp(`^# ${alert}\n`))
      for (const part of ['## What it means', '## What to look at', '## What to do']) expect(text, page).toContain(part)
    }
  })
})

test('panels lie side by side', () => {
  for (const [index, { gridPos: one, title }] of panels.entries()) {
    expect(one.x + one.w, title).toBeLessThanOrEqual(24)
    for (const { gridPos: other } of panels.slice(index + 1)) {
      const apart =
        one.x + one.w <= other.x || other.x + other.w <= one.x || one.y + one.h <= other.y || other.y + other.h <= one.y
      expect(apart, title).toBe(true)
    }
  }
})

test('monitors find what the chart and the operator label', () => {
  const service = objects.find(({ kind, metadata }) => kind === 'Service' && metadata.name === 'adloom-operator')
  const selector = find('ServiceMonitor').spec?.selector
  expect({ matchLabels: service?.metadata.labels }).toMatchObject(selector ?? { nothing: 'is selected' })
})
