{{/*
What the operator may do to objects of the namespaces that it sees: no more than it does. test/chart/rbac.test.ts
compares these rules with the requests of an operator that works.
*/}}
{{- define "adloom.operatorRules" -}}
{{- $kinds := include "adloom.kinds" . | fromJsonArray }}
- apiGroups: [adloom.dev]
  resources: {{ $kinds | toJson }}
  verbs: [list, watch]
# Before a new pipeline takes its champion from the ledger.
- apiGroups: [adloom.dev]
  resources: [rankerpipelines]
  verbs: [get]
# Finalizers of runs; never a spec.
- apiGroups: [adloom.dev]
  resources: {{ without $kinds "workerpools" "rankerdeployments" "rankerpipelines" | toJson }}
  verbs: [patch]
# A pipeline's runs; and all of them at the end of their ttlSecondsAfterFinished.
- apiGroups: [adloom.dev]
  resources: [evaluations, tokenizerbuilds, trainingruns]
  verbs: [create, delete]
- apiGroups: [adloom.dev]
  resources:
    {{- range $kinds }}
    - {{ . }}/status
    {{- end }}
  verbs: [patch]
# Where the cluster enforces owner references (OwnerReferencesPermissionEnforcement).
- apiGroups: [adloom.dev]
  resources: [rankerdeployments/finalizers, rankerpipelines/finalizers, workerpools/finalizers]
  verbs: [update]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch, create, delete]
# Server-side apply: create where there is none yet, else patch. A canary goes when its rollout ends.
- apiGroups: [""]
  resources: [services]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [list, watch, create, patch, delete]
# Weights of a rollout that names a Gateway.
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [get, create, patch, delete]
# Of a ranker that asks for autoscaling.
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, create, patch, delete]
# Settings of an auction, of a ranker that has some; by name, none is listed.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, create, patch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}
