/** What a person may ask of an object; Argo CD's actions (docs/argocd) are the same. */
export const verbs = {
  approve: 'End the pause of a rollout',
  abort: 'Stop a rollout, whose stable model goes on serving, or the run of a pipeline',
  promote: 'Have a rollout take its model at once, or a pipeline its candidate or the model of --digest',
  retry: 'Try a run that was given up, or a model that a rollout has rejected, once more',
  retrain: 'Ask a pipeline for a run now',
  suspend: 'Set spec.suspend: nothing new starts, and runs give their worker back',
  resume: 'Take spec.suspend back',
} as const

export type Verb = keyof typeof verbs
