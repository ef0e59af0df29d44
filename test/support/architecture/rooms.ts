/**
 * Who may know whom (docs/architecture.md): the rooms that each room may import from. A room that is not listed here
 * has no place in the house yet.
 */
const arrows: Record<string, readonly string[]> = {
  crds: [],

  'operator/cluster': ['crds'],
  'operator/control': ['crds', 'operator/cluster'],
  'operator/embedded': ['crds', 'operator/cluster'],
  'operator/node': ['crds', 'operator/cluster', 'operator/control'],
  'operator/queue': ['crds', 'operator/cluster', 'operator/control'],
  'operator/rollout': ['crds', 'operator/cluster', 'operator/control'],
  'operator/reconcilers': [
    'crds',
    'operator/cluster',
    'operator/control',
    'operator/queue',
    'operator/rollout',
    'workers/artifacts',
  ],
  'operator/main.ts': [
    'crds',
    'operator/cluster',
    'operator/control',
    'operator/queue',
    'operator/rollout',
    'operator/reconcilers',
    'workers/artifacts',
  ],
  'operator/cli': [
    'crds',
    'operator/cluster',
    'operator/control',
    'operator/embedded',
    'operator/node',
    'operator/queue',
    'operator/rollout',
    'operator/reconcilers',
    'operator/main.ts',
    'workers/artifacts',
  ],

  'workers/artifacts': [],
  'workers/tensor': ['crds'],
  'workers/data': ['crds', 'workers/tensor', 'workers/artifacts'],
  'workers/tokenizer': ['crds', 'workers/tensor', 'workers/artifacts', 'workers/data'],
  ...tier(
    ['ranker', 'decoding', 'auction', 'evaluation', 'serving'],
    ['crds', 'workers/tensor', 'workers/artifacts', 'workers/data', 'workers/tokenizer'],
  ),
}

/** Rooms of one height may know one another; a circle among them is found by its files. */
function tier(names: readonly string[], below: readonly string[]): Record<string, readonly string[]> {
  const rooms = names.map((name) => `workers/${name}`)
  const beside = (room: string) => rooms.filter((other) => other !== room)
  const lower = Object.fromEntries(rooms.map((room) => [room, [...below, ...beside(room)]]))
  const processors = [...below, ...rooms]
  const pool = [...processors, 'workers/processors']
  return {
    ...lower,
    'workers/processors': processors,
    'workers/pool': pool,
    'workers/main.ts': [...pool, 'workers/pool'],
  }
}

/** The room of a product file; undefined for tests, benchmarks and what is no source. */
export function roomOf(path: string): string | undefined {
  const [top, second = ''] = path.split('/')
  if (top === 'crds') return 'crds'
  return top === 'operator' || top === 'workers' ? `${top}/${second}` : undefined
}

/** Name and version of the product, which any room may state. */
const common = new Set(['package.json'])

/** One sentence for each import that runs against an arrow. `imports` maps a file to the files it imports. */
export function forbiddenImports(imports: ReadonlyMap<string, readonly string[]>): string[] {
  const violations: string[] = []
  for (const [path, targets] of imports) {
    const room = roomOf(path)
    if (room === undefined) continue
    const allowed = arrows[room]
    if (allowed === undefined) violations.push(`${path}: no room ${room} is known; give it a place in the arrows`)
    for (const target of targets) {
      const other = roomOf(target)
      if (common.has(target) || other === room || (other !== undefined && allowed?.includes(other))) continue
      violations.push(`${path} imports ${target}: ${room} must not know ${other ?? 'what is no part of the product'}`)
    }
  }
  return violations
}

/** Each circle of imports once, as its files in order, the first repeated at the end. */
export function importCircles(imports: ReadonlyMap<string, readonly string[]>): string[] {
  const state = new Map<string, 'open' | 'done'>()
  const trail: string[] = []
  const circles: string[] = []
  const visit = (path: string) => {
    if (state.get(path) === 'done') return
    if (state.get(path) === 'open') {
      circles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '))
      return
    }
    state.set(path, 'open')
    trail.push(path)
    for (const target of imports.get(path) ?? []) visit(target)
    trail.pop()
    state.set(path, 'done')
  }
  for (const path of imports.keys()) visit(path)
  return circles
}
