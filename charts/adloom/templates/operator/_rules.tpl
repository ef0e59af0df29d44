{{/*
What the operator may do to objects of the namespaces that it sees: no more than it does. test/chart/rbac.test.ts
compares these rules with the requests of an operator that works.
*/}}
{{- define "adloom.operatorRules" -}}
{{- $kinds := include "adloom.kinds" . | fromJsonArray }}
- apiGroups: [adloom.dev]
  resources: {{ $kinds | toJson }}
  verbs: [list, watch]
# Finalizers of runs; never a spec.
- apiGroups: [adloom.dev]
  resources: {{ without $kinds "workerpools" "rankerdeployments" | toJson }}
  verbs: [patch]
# At the end of their ttlSecondsAfterFinished.
- apiGroups: [adloom.dev]
  resources: [evaluations, tokenizerbuilds, trainingruns]
  verbs: [delete]
- apiGroups: [adloom.dev]
  resources:
    {{- range $kinds }}
    - {{ . }}/status
    {{- end }}
  verbs: [patch]
# Where the cluster enforces owner references (OwnerReferencesPermissionEnforcement).
- apiGroups: [adloom.dev]
  resources: [rankerdeployments/finalizers, workerpools/finalizers]
  verbs: [update]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch, create, delete]
# Server-side apply: create where there is none yet, else patch.
- apiGroups: [""]
  resources: [services]
  verbs: [list, watch, create, patch]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [list, watch, create, patch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}
