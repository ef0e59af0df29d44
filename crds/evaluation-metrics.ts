import { Type } from 'typebox'
import { gains } from './sampled-lists.ts'
import type { Rule } from './schema.ts'

/** Of lists, whoever judges them. */
const listMetrics = ['AdsPerList', 'OrganicShare', 'IRViolations']

/** By a judge: the model itself, a held-out reward model, the truth of a simulation. */
const judgedMetrics = [
  'RPM',
  'AdRPM',
  'CTR',
  'AdCTR',
  'CreativeCTR',
  'Conversions',
  'ConversionValue',
  'AdvertiserUtility',
  'ROI',
  'Welfare',
  'Psi',
  'PsiSum',
  'PsiDropped',
  'RelativeRegret',
  'RegretToUtility',
  'Regret',
  'RegretAbove1Percent',
  'MonotonicityViolations',
  'SearchPsi',
  'SearchRegret',
  'SearchRegretToUtility',
]

const cutoff = '@[1-9][0-9]{0,3}'

const pattern = [
  `(Recall|NDCG)${cutoff}`,
  `Sampled/(HR|NDCG|ECPM-(${gains.join('|')})-NDCG)${cutoff}`,
  `Consistency/(RankDifference|RankDifferenceIQR|Overlap${cutoff})`,
  listMetrics.join('|'),
  `(Model|HeldOut|Truth)/(${judgedMetrics.join('|')})`,
  '(HeldOut|Truth|Logged)/(ECE|ConversionECE)',
  'OffPolicy/(IPS|SNIPS|DR)',
].join('|')

/** Name of a metric of an Evaluation. docs/evaluation.md says what each is. */
export const metricName = (description: string) =>
  Type.String({ description, maxLength: 64, pattern: `^(${pattern})$` })

const allGates = (condition: string): string => `!has(self.gates) || self.gates.all(g, ${condition})`

/** CEL: of which part of an Evaluation the metric in `metric` is; what is of neither is of the marketplace. */
const isSampled = (metric: string): string =>
  `(${metric}.startsWith('Sampled/') || ${metric}.startsWith('Consistency/'))`
const isRanking = (metric: string): string => `(${metric}.contains('@') && !${metric}.contains('/'))`

/** CEL: the cutoff of the metric in `metric`, where it has one, is among those of its part of the Evaluation in `of`. */
export const cutoffIsMeasured = (metric: string, of: string): string =>
  `!${metric}.contains('@') || int(${metric}.split('@')[1]) in (${isSampled(metric)} ? (has(${of}.sampledLists) ? ${of}.sampledLists.cutoffs : []) : ${of}.cutoffs)`

/** What gates may ask for follows from what is measured. */
export const gateRules: Rule[] = [
  {
    rule: allGates(`!${isSampled('g.metric')} || has(self.sampledLists)`),
    message: 'a gate on Sampled or Consistency needs sampledLists',
  },
  {
    rule: allGates(
      `!g.metric.startsWith('Sampled/ECPM-') || (has(self.sampledLists) && has(self.sampledLists.graded) && g.metric.contains(self.sampledLists.graded.gain))`,
    ),
    message: 'a gate on an NDCG by eCPM needs sampledLists.graded with its gain',
  },
  {
    rule: allGates(cutoffIsMeasured('g.metric', 'self')),
    message: 'the cutoff of every gate must be among cutoffs, those of sampledLists where it is on sampled lists',
  },
  {
    rule: `!has(self.ranking) || self.ranking == 'Full' || ${allGates(`!${isRanking('g.metric')}`)}`,
    message: 'a gate on Recall or NDCG needs ranking Full',
  },
  {
    rule: `has(self.market) || ${allGates(`${isRanking('g.metric')} || ${isSampled('g.metric')}`)}`,
    message: 'a gate on a metric of the marketplace needs market',
  },
  {
    rule: allGates("!g.metric.startsWith('OffPolicy/') || has(self.offPolicy)"),
    message: 'a gate on OffPolicy needs offPolicy',
  },
  {
    rule: allGates("!g.metric.startsWith('HeldOut/') || (has(self.market) && has(self.market.evaluator))"),
    message: 'a gate on HeldOut needs market.evaluator',
  },
  {
    rule: allGates(`!has(g.minRelativeToBaseline) || ${isRanking('g.metric')} || g.metric.startsWith('Sampled/')`),
    message: 'a gate with minRelativeToBaseline is one on Recall or NDCG, or on Sampled',
  },
]
