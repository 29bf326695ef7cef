{{/* Names, labels, and what several objects share. `root` is the chart's own scope. */}}

{{- define "visitor-profiler.fullname" -}}
{{- $name := .Values.fullnameOverride | default (ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name)) -}}
{{- /* With the mode behind it 52 characters: Kubernetes makes a label of a StatefulSet's name and 11 more. */ -}}
{{- trunc 44 $name | trimSuffix "-" -}}
{{- end }}

{{- define "visitor-profiler.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "visitor-profiler.labels" -}}
{{ include "visitor-profiler.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "visitor-profiler.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (ternary (include "visitor-profiler.fullname" .) "default" .Values.serviceAccount.create) -}}
{{- end }}

{{- define "visitor-profiler.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end }}

{{/* The modes that run, as a list in JSON: each has a StatefulSet. Whatever asks, the values are right. */}}
{{- define "visitor-profiler.modes" -}}
{{- include "visitor-profiler.validate" . -}}
{{- splitList "-" .Values.mode | toJson -}}
{{- end }}

{{- define "visitor-profiler.metricsPort" -}}
{{- regexFind "[0-9]+$" .Values.metrics.listen -}}
{{- end }}

{{/* profiler.toml. What JSON writes for a text, a number or a list means the same in TOML. */}}
{{- define "visitor-profiler.toml" -}}
{{- $rules := .Values.rules.name -}}
{{- if hasKey .Values.rules.files $rules }}{{ $rules = printf "/etc/profiler/%s" $rules }}{{ end -}}
{{- $config := merge (dict "rules" $rules "metrics" (dict "listen" .Values.metrics.listen)) .Values.config -}}
{{- range $key, $value := $config }}
{{- if not (or (kindIs "map" $value) (kindIs "invalid" $value)) }}
{{ $key }} = {{ toJson $value }}
{{- end }}
{{- end }}
{{- range $section, $table := $config }}
{{- if kindIs "map" $table }}

[{{ $section }}]
{{- range $key, $value := $table }}
{{- if not (kindIs "invalid" $value) }}
{{ $key }} = {{ toJson $value }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "visitor-profiler.configData" -}}
profiler.toml: |
  {{- include "visitor-profiler.toml" . | trim | nindent 2 }}
{{- range $name, $text := .Values.rules.files }}
{{ $name | quote }}: {{ toJson $text }}
{{- end }}
{{- end }}

{{/* Fails where values contradict each other in a way that the schema cannot say. */}}
{{- define "visitor-profiler.validate" -}}
{{- $modes := splitList "-" .Values.mode -}}
{{- if and (not (hasKey .Values.secrets "redis.url")) (not (dig "redis" "url" "" .Values.config)) (not (eq .Values.mode "flatten")) -}}
{{- fail "where is Redis? Set config.redis.url, or secrets for redis.url" -}}
{{- end -}}
{{- if and (hasKey .Values.secrets "redis.url") (dig "redis" "url" "" .Values.config) -}}
{{- fail "config.redis.url and secrets for redis.url exclude each other" -}}
{{- end -}}
{{- if regexMatch "(?is)://[^:@]*:.*@|[?&]password=" (dig "redis" "url" "" .Values.config) -}}
{{- fail "config.redis.url holds a password: leave it out, and name a Secret for it in secrets (redis.password)" -}}
{{- end -}}
{{- if and .Values.serve.enabled (not (hasKey .Values.secrets "serve.token")) -}}
{{- fail "serve needs a token: name a Secret for serve.token in secrets" -}}
{{- end -}}
{{- if .Values.partitions -}}
{{- range $mode := $modes -}}
{{- if gt (int (get $.Values.replicas $mode)) (int $.Values.partitions) -}}
{{- fail (printf "replicas.%s is above partitions (%d): a worker without a partition does nothing" $mode (int $.Values.partitions)) -}}
{{- end -}}
{{- end -}}
{{- else if or .Values.keda.enabled .Values.jobs.topics.enabled -}}
{{- fail "keda and jobs.topics need partitions" -}}
{{- end -}}
{{- if .Values.keda.enabled -}}
{{- if gt (int .Values.keda.maxReplicas) (int .Values.partitions) -}}
{{- fail (printf "keda.maxReplicas is above partitions (%d): a worker without a partition does nothing" (int .Values.partitions)) -}}
{{- end -}}
{{- if and (hasPrefix "SASL" (dig "kafka" "security_protocol" "" .Values.config)) (not .Values.keda.authenticationRef) -}}
{{- fail "KEDA must log in to Kafka too: name a TriggerAuthentication in keda.authenticationRef" -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "visitor-profiler.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
# Secrets are files that this group may read.
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "visitor-profiler.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* The settings that come from Secrets, as a list in JSON; those of `serve` are for it alone. */}}
{{- define "visitor-profiler.secrets" -}}
{{- $found := list -}}
{{- range $setting := keys .root.Values.secrets | sortAlpha -}}
{{- if or (eq $.component "serve") (not (hasPrefix "serve." $setting)) }}{{ $found = append $found $setting }}{{ end -}}
{{- end -}}
{{- toJson $found -}}
{{- end }}

{{/* Variables that every container has: where the file is, and where the secrets are. */}}
{{- define "visitor-profiler.env" -}}
- name: PROFILER_CONFIG
  value: /etc/profiler/profiler.toml
{{- range $setting := include "visitor-profiler.secrets" . | fromJsonArray }}
- name: PROFILER_{{ $setting | upper | replace "." "__" }}_FILE
  value: /run/profiler/secrets/{{ $setting }}
{{- end }}
{{- with .root.Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "visitor-profiler.volumeMounts" -}}
- name: config
  mountPath: /etc/profiler
  readOnly: true
{{- if include "visitor-profiler.secrets" . | fromJsonArray }}
- name: secrets
  mountPath: /run/profiler/secrets
  readOnly: true
{{- end }}
{{- range $name, $_ := .root.Values.certificates }}
- name: certificates-{{ $name }}
  mountPath: /run/profiler/certificates/{{ $name }}
  readOnly: true
{{- end }}
{{- end }}

{{/* config: the name of the ConfigMap. */}}
{{- define "visitor-profiler.volumes" -}}
- name: config
  configMap: {name: {{ .config }}}
{{- $secrets := include "visitor-profiler.secrets" . | fromJsonArray }}
{{- if $secrets }}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- range $setting := $secrets }}
      {{- $from := get $.root.Values.secrets $setting }}
      - secret:
          name: {{ $from.name }}
          items: [{key: {{ $from.key | quote }}, path: {{ $setting }}}]
      {{- end }}
{{- end }}
{{- range $name, $secret := .root.Values.certificates }}
- name: certificates-{{ $name }}
  secret: {secretName: {{ $secret }}, defaultMode: 0440}
{{- end }}
{{- end }}

{{/* What all pods have in common. */}}
{{- define "visitor-profiler.podCommon" -}}
serviceAccountName: {{ include "visitor-profiler.serviceAccountName" . }}
automountServiceAccountToken: false
# A Service whose name begins with "profiler" would add variables that look like settings.
enableServiceLinks: false
# As process 1 the program would ignore a SIGTERM that comes before its own handler is there.
shareProcessNamespace: true
securityContext:
  {{- include "visitor-profiler.podSecurity" . | nindent 2 }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "visitor-profiler.spread" -}}
{{- if .root.Values.topologySpreadConstraints }}
{{- toYaml .root.Values.topologySpreadConstraints }}
{{- else }}
{{- range $key := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
- topologyKey: {{ $key }}
  maxSkew: 1
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "visitor-profiler.selector" $ | nindent 6 }}
{{- end }}
{{- end }}
{{- end }}

{{/* Ports in a list of host:port, as a list in JSON; a host without a port has the default. */}}
{{- define "visitor-profiler.portsOf" -}}
{{- $ports := list -}}
{{- range $host := splitList "," .hosts -}}
{{- $port := regexFind ":[0-9]+$" (trim $host) | trimPrefix ":" | default $.default -}}
{{- $ports = append $ports (int $port) -}}
{{- end -}}
{{- uniq $ports | toJson -}}
{{- end }}

{{/* What a pod reaches. */}}
{{- define "visitor-profiler.egress" -}}
{{- $policy := .root.Values.networkPolicy -}}
- ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
- ports:
    {{- range include "visitor-profiler.kafkaPorts" .root | fromJsonArray }}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
  {{- with $policy.kafka.to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- if ne .component "flatten" }}
- ports:
    {{- range include "visitor-profiler.redisPorts" .root | fromJsonArray }}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
  {{- with $policy.redis.to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "visitor-profiler.kafkaPorts" -}}
{{- if .Values.networkPolicy.kafka.ports -}}
{{- toJson .Values.networkPolicy.kafka.ports -}}
{{- else -}}
{{- include "visitor-profiler.portsOf" (dict "hosts" .Values.config.kafka.bootstrap_servers "default" "9092") -}}
{{- end -}}
{{- end }}

{{- define "visitor-profiler.redisPorts" -}}
{{- $url := dig "redis" "url" "" .Values.config -}}
{{- if .Values.networkPolicy.redis.ports -}}
{{- toJson .Values.networkPolicy.redis.ports -}}
{{- else if $url -}}
{{- $hosts := regexReplaceAll "^[^:]+://([^@/]*@)?([^/?]*).*$" $url "${2}" -}}
{{- if contains "+sentinel://" $url -}}
{{- $sentinels := include "visitor-profiler.portsOf" (dict "hosts" $hosts "default" "26379") | fromJsonArray -}}
{{- append $sentinels 6379 | uniq | toJson -}}
{{- else -}}
{{- include "visitor-profiler.portsOf" (dict "hosts" $hosts "default" "6379") -}}
{{- end -}}
{{- else -}}
{{- fail "the address of Redis is secret, so name its ports in networkPolicy.redis.ports" -}}
{{- end -}}
{{- end }}
