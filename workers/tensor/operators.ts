// Every operator under one import: `import * as op from '../tensor/operators.ts'`.

export * from './broadcasting.ts'
export * from './control-flow.ts'
export * from './elementwise.ts'
export * from './indexing.ts'
export * from './layout.ts'
export * from './linear.ts'
export * from './losses.ts'
export * from './normalization.ts'
export * from './reductions.ts'
