import { Type } from 'typebox'
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
]

const pattern = [
  '(Recall|NDCG)@[1-9][0-9]{0,3}',
  listMetrics.join('|'),
  `(Model|HeldOut|Truth)/(${judgedMetrics.join('|')})`,
  'Model/Search(Psi|Regret)',
  '(HeldOut|Truth|Logged)/(ECE|ConversionECE)',
  'OffPolicy/(IPS|SNIPS|DR)',
].join('|')

/** Name of a metric of an Evaluation. docs/evaluation.md says what each is. */
export const metricName = (description: string) =>
  Type.String({ description, maxLength: 32, pattern: `^(${pattern})$` })

const allGates = (condition: string): string => `!has(self.gates) || self.gates.all(g, ${condition})`
const isRanking = "g.metric.contains('@')"

/** What gates may ask for follows from what is measured. */
export const gateRules: Rule[] = [
  {
    rule: allGates(`!${isRanking} || int(g.metric.split('@')[1]) in self.cutoffs`),
    message: 'the cutoff of every gate must be among cutoffs',
  },
  {
    rule: `!has(self.ranking) || self.ranking == 'Full' || ${allGates(`!${isRanking}`)}`,
    message: 'a gate on Recall or NDCG needs ranking Full',
  },
  {
    rule: `has(self.market) || ${allGates(isRanking)}`,
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
    rule: allGates(`!has(g.minRelativeToBaseline) || ${isRanking}`),
    message: 'a gate with minRelativeToBaseline is one on Recall or NDCG',
  },
]
