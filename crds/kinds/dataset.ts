import { Type } from 'typebox'
import { advertising, advertisingStatus } from '../advertising.ts'
import { defineKind, type ObjectOf } from '../kind.ts'
import { messageColumn, progressColumn, runPolicy, runStatus, stateColumn } from '../run.ts'
import { atomicList, digest, enumeration, integer, object, optional, text, time } from '../schema.ts'

const columnName = (description: string) => text(256, { description })
const relativePath = (description: string) =>
  Type.String({ description, minLength: 1, maxLength: 1024, pattern: '^[^/].*$' })

/** Where logs lie, how they are read and how they are split; or a seeded simulation. */
export const dataset = defineKind({
  kind: 'Dataset',
  plural: 'datasets',
  shortNames: ['dset'],
  description:
    'Interaction logs and an item catalogue, read once into a pinned revision (an artifact with a content digest) that tokenizers, runs and evaluations work on.',
  spec: object(
    {
      source: object(
        {
          file: optional(
            object(
              {
                path: Type.String({
                  description:
                    'Absolute folder on the worker (a mounted volume, or a folder of this machine). Only files below it are read.',
                  minLength: 1,
                  maxLength: 4096,
                  pattern: '^/',
                }),
              },
              { description: 'Files in a folder.' },
            ),
          ),
          s3: optional(
            object(
              {
                uri: Type.String({
                  description:
                    's3://BUCKET or s3://BUCKET/PREFIX. Only objects below it are read, with the credentials of the worker.',
                  minLength: 1,
                  maxLength: 1024,
                  pattern: '^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9_=./-]*)?$',
                }),
                maxSizeGibibytes: integer(1, 65_536, {
                  description:
                    'Fetched at most; all matching objects have to fit into the scratch volume of a worker. More is refused before any is fetched.',
                  default: 50,
                }),
              },
              { description: 'Objects of an S3 server.' },
            ),
          ),
          simulation: optional(
            object(
              {
                users: integer(10, 10_000_000, { description: 'Users.', default: 2000 }),
                items: integer(10, 1_000_000, { description: 'Items of the catalogue.', default: 500 }),
                interests: integer(2, 1000, { description: 'Hidden interests that users follow.', default: 16 }),
                interactionsPerUser: integer(3, 1000, { description: 'Mean length of a history.', default: 12 }),
                driftPercent: integer(0, 100, {
                  description: 'How far the popularity of items moves from the first day to the last.',
                  default: 20,
                }),
                seed: integer(0, 2_147_483_647, { description: 'Seed of everything random.', default: 1 }),
              },
              { description: 'A seeded simulation of users and a catalogue.' },
            ),
          ),
        },
        {
          description: 'Where the data come from: one of file, s3 and simulation.',
          rules: [
            {
              rule: '(has(self.file) ? 1 : 0) + (has(self.s3) ? 1 : 0) + (has(self.simulation) ? 1 : 0) == 1',
              message: 'give exactly one of file, s3 and simulation',
            },
          ],
        },
      ),
      interactions: optional(
        object(
          {
            path: relativePath('File or glob pattern below source.file.path or source.s3.uri.'),
            format: enumeration(['JSONLines', 'CSV', 'Parquet', 'SequenceLines'], {
              description: 'SequenceLines: a line a user, the user and its items in order, separated by blanks.',
            }),
            delimiter: optional(
              Type.String({ description: 'Column separator of CSV; default a comma.', minLength: 1, maxLength: 1 }),
            ),
            columns: optional(
              object(
                {
                  user: columnName('Column of the user id.'),
                  item: columnName('Column of the item id.'),
                  time: columnName('Column of the time: RFC 3339, or seconds or milliseconds since 1970.'),
                },
                { description: 'Names of the columns.' },
              ),
            ),
          },
          {
            description: 'Who took what, and when. Needed but with a simulation.',
            rules: [
              {
                rule: "(self.format == 'SequenceLines') != has(self.columns)",
                message: 'columns are needed for JSONLines, CSV and Parquet, and are not for SequenceLines',
              },
              {
                rule: "!has(self.delimiter) || self.format == 'CSV'",
                message: 'delimiter goes with format CSV only',
              },
            ],
          },
        ),
      ),
      items: optional(
        object(
          {
            path: relativePath('File or glob pattern below source.file.path or source.s3.uri.'),
            format: enumeration(['JSONLines', 'CSV', 'Parquet'], { description: 'Format of the files.' }),
            delimiter: optional(
              Type.String({ description: 'Column separator of CSV; default a comma.', minLength: 1, maxLength: 1 }),
            ),
            columns: object(
              {
                id: columnName('Column of the item id.'),
                text: optional(
                  atomicList(Type.String({ minLength: 1, maxLength: 256 }), 16, {
                    description: 'Columns of text, joined in this order.',
                  }),
                ),
                attributes: optional(
                  atomicList(Type.String({ minLength: 1, maxLength: 256 }), 16, {
                    description: 'Columns that hold a name or a list of names (brand, categories).',
                  }),
                ),
                embedding: optional(columnName('Column of a list of numbers, equally long for every item.')),
              },
              { description: 'Names of the columns.' },
            ),
          },
          {
            description: 'The catalogue. Without it the items are those of the interactions, with no text.',
            rules: [
              { rule: "!has(self.delimiter) || self.format == 'CSV'", message: 'delimiter goes with format CSV only' },
              {
                rule: "!has(self.columns.embedding) || self.format != 'CSV'",
                message: 'an embedding is a list, which CSV cannot hold; use Parquet or JSONLines',
              },
            ],
          },
        ),
      ),
      advertising: optional(advertising),
      split: object(
        {
          strategy: enumeration(['LeaveOneOut', 'Temporal'], {
            description:
              'LeaveOneOut: the last item of each user is for the test, the one before for validation. Temporal: by time over all users.',
            default: 'LeaveOneOut',
          }),
          validationPercent: optional(
            integer(1, 50, { description: 'Temporal: share of the interactions, before those of the test.' }),
          ),
          testPercent: optional(integer(1, 50, { description: 'Temporal: share of the interactions, the latest.' })),
        },
        {
          description: 'Which interactions are for training, validation and test.',
          default: {},
          rules: [
            {
              rule: "self.strategy == 'Temporal' ? has(self.validationPercent) && has(self.testPercent) : !has(self.validationPercent) && !has(self.testPercent)",
              message: 'validationPercent and testPercent are needed with strategy Temporal, and go with it only',
            },
            {
              rule: '!has(self.validationPercent) || !has(self.testPercent) || self.validationPercent + self.testPercent <= 80',
              message: 'validationPercent and testPercent together must leave at least 20 percent for training',
            },
          ],
        },
      ),
      minInteractionsPerUser: integer(1, 1000, {
        description: 'Users with fewer interactions are left out.',
        default: 1,
      }),
      maxBadRows: integer(0, 1_000_000_000, {
        description: 'The Dataset fails when more rows than this cannot be read.',
        default: 0,
      }),
      pollPeriodSeconds: integer(0, 31_536_000, {
        description: 'How often the source is looked at for new data; 0: only when the spec changes.',
        default: 0,
      }),
      ...runPolicy,
    },
    {
      description: 'What is wanted.',
      rules: [
        {
          rule: 'has(self.source.simulation) != has(self.interactions)',
          message: 'interactions are needed with source.file and source.s3, and do not go with a simulation',
        },
        { rule: '!has(self.items) || !has(self.source.simulation)', message: 'items do not go with a simulation' },
        {
          rule: "!has(self.interactions) || self.interactions.format != 'SequenceLines' || self.split.strategy == 'LeaveOneOut'",
          message: 'SequenceLines have no times, so the split must be LeaveOneOut',
        },
        {
          rule: '!has(self.source.simulation) || self.pollPeriodSeconds == 0',
          message: 'a simulation never changes, so pollPeriodSeconds must be 0',
        },
        {
          rule: '!has(self.advertising) || !has(self.advertising.ads) || !has(self.source.simulation)',
          message: 'a simulated source has no files of ads; give advertising.simulation',
        },
        {
          rule: "!has(self.advertising) || !has(self.advertising.requests) || has(self.advertising.requests.columns.time) || self.split.strategy == 'LeaveOneOut'",
          message: 'a Temporal split needs times: give advertising.requests.columns.time',
        },
      ],
    },
  ),
  status: runStatus({
    revision: optional(
      digest({
        description: 'Digest of the pinned revision that others work on; the last good one while a new one is read.',
      }),
    ),
    revisionTime: optional(time({ description: 'When this revision was pinned.' })),
    sourceDigest: optional(digest({ description: 'Content digest of the source at the last look.' })),
    lastPollTime: optional(time({ description: 'When the source was last looked at.' })),
    users: optional(integer(0, Number.MAX_SAFE_INTEGER, { description: 'Users.' })),
    items: optional(integer(0, Number.MAX_SAFE_INTEGER, { description: 'Items.' })),
    interactions: optional(integer(0, Number.MAX_SAFE_INTEGER, { description: 'Interactions.' })),
    advertising: optional(advertisingStatus),
    badRows: optional(integer(0, Number.MAX_SAFE_INTEGER, { description: 'Rows that could not be read.' })),
    badRowExamples: optional(
      atomicList(
        object(
          {
            file: text(4096, { description: 'File, below the source.' }),
            line: integer(0, Number.MAX_SAFE_INTEGER, { description: 'Line, from 1; the row in Parquet.' }),
            reason: text(1024, { description: 'What is wrong.' }),
          },
          { description: 'A row that could not be read.' },
        ),
        20,
        { description: 'The first of them.' },
      ),
    ),
  }),
  columns: [
    stateColumn,
    progressColumn,
    { name: 'Users', type: 'integer', jsonPath: '.status.users' },
    { name: 'Items', type: 'integer', jsonPath: '.status.items' },
    { name: 'Interactions', type: 'integer', jsonPath: '.status.interactions' },
    { name: 'Bad', type: 'integer', jsonPath: '.status.badRows', priority: 1 },
    messageColumn,
  ],
})

export type Dataset = ObjectOf<typeof dataset>
