#!/usr/bin/env bash
# Visitors who get a list, see its first three items and click on one or two: `visit.sh URL [VISITORS]`.
set -euo pipefail
url=${1:?the URL of the ranker, as kubectl get rankerdeployments shows it}
visitors=${2:-20}
run=$(date +%s)

send() { # PATH BODY
  curl --fail-with-body --silent --show-error --header 'content-type: application/json' \
    ${ADLOOM_EVENTS_TOKEN:+--header "authorization: Bearer $ADLOOM_EVENTS_TOKEN"} --data "$2" "$url$1"
  echo
}

for visitor in $(seq "$visitors"); do
  request="visit-$run-$visitor"
  send /v1/rank "{\"requestId\": \"$request\", \"user\": {\"id\": \"visitor-$visitor\", \"history\": []}, \"slots\": 5}" >/dev/null
  # The item is the one at that position, the user the one who asked: the server remembers both.
  send /v1/events "[
    {\"type\": \"impression\", \"requestId\": \"$request\", \"position\": 1},
    {\"type\": \"impression\", \"requestId\": \"$request\", \"position\": 2},
    {\"type\": \"impression\", \"requestId\": \"$request\", \"position\": 3},
    {\"type\": \"click\", \"requestId\": \"$request\", \"position\": $((visitor % 3 + 1))},
    {\"type\": \"conversion\", \"requestId\": \"$request\", \"position\": $((visitor % 3 + 1)), \"value\": 9.9}
  ]"
done
