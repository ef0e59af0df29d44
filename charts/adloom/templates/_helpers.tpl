{{- define "adloom.fullname" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "adloom.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: adloom
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: adloom
{{/* The operator lists what it manages itself by managed-by=adloom-operator. */ -}}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* Arguments: list, the root and the part. */}}
{{- define "adloom.selector" -}}
app.kubernetes.io/name: adloom
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "adloom.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* Namespaces with work in them, as a list in JSON. */}}
{{- define "adloom.namespaces" -}}
{{- if .Values.namespaces }}{{ .Values.namespaces | uniq | sortAlpha | toJson }}{{ else }}{{ list .Release.Namespace | toJson }}{{ end }}
{{- end }}

{{- define "adloom.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "adloom.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{- define "adloom.redisUrl" -}}
{{- if eq .Values.redis.mode "External" }}{{ .Values.redis.external.url }}
{{- else }}redis://{{ with .Values.redis.included.password }}:{{ . | urlquery }}@{{ end }}{{ include "adloom.fullname" . }}-redis.{{ .Release.Namespace }}.svc:6379
{{- end }}
{{- end }}

{{/* The chart knows the address and writes it into a Secret of each namespace; else the user does. */}}
{{- define "adloom.writesRedisSecret" -}}
{{- if not (and (eq .Values.redis.mode "External") .Values.redis.external.existingSecret) }}true{{ end }}
{{- end }}

{{- define "adloom.operatorRedisSecret" -}}
{{- if include "adloom.writesRedisSecret" . }}{{ include "adloom.fullname" . }}-operator-redis{{ else }}{{ .Values.redis.external.existingSecret }}{{ end }}
{{- end }}

{{- define "adloom.storeClaim" -}}
{{ .Values.store.persistentVolumeClaim.existingClaim | default (printf "%s-store" (include "adloom.fullname" .)) }}
{{- end }}

{{- define "adloom.storeUri" -}}
{{- if eq .Values.store.type "S3" }}{{ .Values.store.s3.uri }}{{ else }}file:///var/lib/adloom/store{{ end }}
{{- end }}

{{/* Plurals of our kinds, as a list in JSON: the names of the generated definitions. */}}
{{- define "adloom.kinds" -}}
{{- $plurals := list }}
{{- range $path, $_ := .Files.Glob "files/crds/*.yaml" }}{{ $plurals = append $plurals (trimSuffix ".yaml" (base $path)) }}{{ end }}
{{- $plurals | sortAlpha | toJson }}
{{- end }}

{{/* Refuses what the schema cannot: a value that needs another one. */}}
{{- define "adloom.check" -}}
{{- if and (eq .Values.redis.mode "External") (eq (empty .Values.redis.external.url) (empty .Values.redis.external.existingSecret)) }}
{{- fail "redis.mode External needs exactly one of redis.external.url and redis.external.existingSecret" }}
{{- end }}
{{- if and (eq .Values.store.type "S3") (empty .Values.store.s3.uri) }}
{{- fail "store.type S3 needs store.s3.uri, such as s3://bucket/prefix" }}
{{- end }}
{{- if and (eq .Values.store.type "PersistentVolumeClaim") (empty .Values.store.persistentVolumeClaim.existingClaim) (ne (include "adloom.namespaces" .) (list .Release.Namespace | toJson)) }}
{{- fail (printf "a claim that the chart makes is seen in the namespace of the release only: leave namespaces empty, use store.type S3, or set store.persistentVolumeClaim.existingClaim to the name of a claim on one share that is in %s and in every one of namespaces" .Release.Namespace) }}
{{- end }}
{{- end }}
