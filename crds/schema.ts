import { type TProperties, type TSchema, type TSchemaOptions, Type } from 'typebox'

/**
 * Building blocks of the structural schemas (Kubernetes API conventions): every string, number, list and map has a
 * bound, no floats, enums in CamelCase, lists with keys. They are TypeBox schemas, so one definition gives the
 * TypeScript type and the OpenAPI schema; `x-kubernetes-*` keywords pass through as they are.
 */

/** A CEL rule (`x-kubernetes-validations`), evaluated by a real API server only. */
export interface Rule {
  rule: string
  message: string
}

export interface FieldOptions extends TSchemaOptions {
  description: string
  rules?: Rule[]
}

function options({ rules, ...rest }: FieldOptions): TSchemaOptions {
  return rules === undefined ? rest : { ...rest, 'x-kubernetes-validations': rules }
}

export const object = <P extends TProperties>(properties: P, field: FieldOptions) =>
  Type.Object(properties, options(field))

export const optional = Type.Optional

export const text = (maxLength: number, field: FieldOptions) => Type.String({ ...options(field), maxLength })

export const integer = (minimum: number, maximum: number, field: FieldOptions) =>
  Type.Integer({ ...options(field), minimum, maximum, format: maximum > 2 ** 31 - 1 ? 'int64' : 'int32' })

export const boolean = (field: FieldOptions) => Type.Boolean(options(field))

export const time = (field: FieldOptions) => Type.String({ ...options(field), format: 'date-time' })

export const enumeration = <const V extends readonly string[]>(values: V, field: FieldOptions) =>
  Type.Unsafe<V[number]>({ ...options(field), type: 'string', enum: [...values] })

/** A non-negative decimal written as a string, since floats do not survive a round trip through the API. */
export const decimal = (field: FieldOptions) =>
  Type.String({ ...options(field), maxLength: 24, pattern: '^[0-9]+(\\.[0-9]+)?$' })

/** As decimal, with a sign. */
export const signedDecimal = (field: FieldOptions) =>
  Type.String({ ...options(field), maxLength: 24, pattern: '^-?[0-9]+(\\.[0-9]+)?$' })

/** A list without keys, replaced as a whole by server-side apply. */
export const atomicList = <S extends TSchema>(items: S, maxItems: number, field: FieldOptions) =>
  Type.Array(items, { ...options(field), maxItems, 'x-kubernetes-list-type': 'atomic' })

/** A list of distinct scalars, merged by server-side apply. */
export const setList = <S extends TSchema>(items: S, maxItems: number, field: FieldOptions) =>
  Type.Array(items, { ...options(field), maxItems, 'x-kubernetes-list-type': 'set' })

/** A list of objects that are told apart by `key`. */
export const keyedList = <S extends TSchema>(items: S, key: string, maxItems: number, field: FieldOptions) =>
  Type.Array(items, {
    ...options(field),
    maxItems,
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': [key],
  })

export const stringMap = (maxProperties: number, maxLength: number, field: FieldOptions) =>
  Type.Unsafe<Record<string, string>>({
    ...options(field),
    type: 'object',
    maxProperties,
    additionalProperties: { type: 'string', maxLength },
  })

/** A part of a built-in kind (PodSpec, ...) that is handed on as it is; the server of that kind checks it. */
export const passedOn = <T>(field: FieldOptions) =>
  Type.Unsafe<T>({ ...options(field), type: 'object', 'x-kubernetes-preserve-unknown-fields': true })

const digestPattern = '^sha256:[0-9a-f]{64}$'
const namePattern = '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$'

export const digest = (field: FieldOptions) => Type.String({ ...options(field), maxLength: 71, pattern: digestPattern })

export const objectName = (description: string) =>
  Type.String({ description, minLength: 1, maxLength: 253, pattern: namePattern })

/** A reference to another object of the same namespace. */
export const reference = (field: FieldOptions) => object({ name: objectName('Name of the object.') }, field)

export const condition = Type.Object(
  {
    type: Type.String({ maxLength: 316 }),
    status: Type.Unsafe<'True' | 'False' | 'Unknown'>({ type: 'string', enum: ['True', 'False', 'Unknown'] }),
    reason: Type.String({ minLength: 1, maxLength: 1024 }),
    message: Type.String({ maxLength: 32768 }),
    lastTransitionTime: Type.String({ format: 'date-time' }),
    observedGeneration: Type.Optional(Type.Integer({ minimum: 0, format: 'int64' })),
  },
  { description: 'One aspect of the state, as kstatus and kubectl wait read it.' },
)

/**
 * What every status has. `observedGeneration` starts at -1: an object that nobody has looked at yet must not read as
 * current (kstatus).
 */
export const commonStatus = {
  observedGeneration: Type.Integer({
    description: 'Generation of the spec that this status speaks of; -1 before the first look.',
    minimum: -1,
    maximum: Number.MAX_SAFE_INTEGER,
    format: 'int64',
    default: -1,
  }),
  conditions: Type.Optional(keyedList(condition, 'type', 16, { description: 'Ready, Reconciling, Stalled and more.' })),
  state: Type.Optional(text(64, { description: 'The reason of Ready in one word, for the table.' })),
  lastHandledReconcileAt: Type.Optional(
    text(256, { description: 'Value of the annotation reconcile.fluxcd.io/requestedAt that was handled last.' }),
  ),
} as const

export const statusOf = <P extends TProperties>(properties: P) =>
  Type.Object(
    { ...commonStatus, ...properties },
    { description: 'What the operator observed; written by the operator alone.', default: { observedGeneration: -1 } },
  )
