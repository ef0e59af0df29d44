import { type Static, Type } from 'typebox'

/** What crosses HTTP at `POST /v1/rank`: docs/guide.md shows it in use. All ids are opaque strings. */

const id = (description: string) => Type.String({ description, minLength: 1, maxLength: 256 })

export const maxSlots = 1000
export const defaultSlots = 10
export const maxRequestsPerCall = 256

export const rankRequest = Type.Object(
  {
    requestId: Type.Optional(id('Comes back in the answer; made when absent.')),
    user: Type.Optional(
      Type.Object(
        {
          id: Type.Optional(id('Looked up in the history snapshot of the model when no history is given.')),
          history: Type.Optional(
            Type.Array(id('Item.'), { description: 'Items that the user took, oldest first.', maxItems: 10_000 }),
          ),
        },
        { additionalProperties: false, description: 'Without id and history the user is anonymous.' },
      ),
    ),
    candidates: Type.Optional(
      Type.Object(
        {
          organic: Type.Optional(
            Type.Array(id('Item.'), { description: 'Items that may be answered.', maxItems: 10_000 }),
          ),
        },
        { additionalProperties: false, description: 'Absent: every item of the catalogue.' },
      ),
    ),
    slots: Type.Optional(
      Type.Integer({ description: 'Length of the list.', minimum: 1, maximum: maxSlots, default: defaultSlots }),
    ),
    includeSeen: Type.Optional(
      Type.Boolean({ description: 'Whether items of the history may be answered.', default: false }),
    ),
  },
  { additionalProperties: false, description: 'One request to rank.' },
)

export const rankBody = Type.Union([
  rankRequest,
  Type.Array(rankRequest, { minItems: 1, maxItems: maxRequestsPerCall }),
])

export const skippedReasons = ['UnknownItem', 'UnknownUser', 'Duplicate'] as const

export const rankAnswer = Type.Object({
  requestId: Type.String(),
  model: Type.Object({ name: Type.String(), digest: Type.String(), revision: Type.String() }),
  entries: Type.Array(
    Type.Object({
      position: Type.Integer(),
      item: Type.String(),
      score: Type.Number(),
      /** Probability that this item came here, given those before it; only with spec.serving.exploration. */
      propensity: Type.Optional(Type.Number()),
    }),
  ),
  /** Natural logarithm of the probability of the whole list; only with spec.serving.exploration. */
  logPropensity: Type.Optional(Type.Number()),
  skipped: Type.Array(Type.Object({ id: Type.String(), reason: Type.String() })),
  timings: Type.Object({ queueMilliseconds: Type.Number(), decodeMilliseconds: Type.Number() }),
})

export type RankRequest = Static<typeof rankRequest>
export type RankAnswer = Static<typeof rankAnswer>

/** What a refused request answers, with a JSON pointer to the field that is wrong where there is one. */
export interface RankError {
  error: { code: string; message: string; field?: string }
}
