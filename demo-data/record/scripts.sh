#!/usr/bin/env bash
# Operators and a partner with curl: Basic, and an API key. usage: scripts.sh
set -eu
g=http://10.20.0.2
note() { printf '{"who":"client-%s","ts":%s,"side":"client","method":"%s","host":"api.shop.example","uri":"%s","status":%s,"account":"%s"}\n' "$1" "$(date +%s%N)" "$2" "$3" "$4" "$1" >> "$TRUTH/client-$1.jsonl"; }
ask() { # name address method path curl-options...
  local name=$1 address=$2 method=$3 path=$4; shift 4
  local status; status=$(curl -s -o /dev/null -w '%{http_code}' --interface "$address" -H 'Host: api.shop.example' -X "$method" "$@" "$g$path")
  note "$name" "$method" "$path" "$status"
}
password() { python3 -c 'import json,os,sys; print(json.load(open(os.environ["LOGINS"]))[sys.argv[1]][sys.argv[2]])' "$1" "$2"; }
basic="gao.ops:$(password gao.ops password)"
key=$(password acme-bi key)
for n in $(seq 1 25); do
  ask gao.ops 10.20.8.41 GET "/api/orders/SO2026$(printf %08d $((n * 37)))" -u "$basic"
  ask gao.ops 10.20.8.41 GET /health -u "$basic"
done
ask acme-bi 10.20.9.51 GET /api/whoami -H "X-Api-Key: $key"
for n in $(seq 1 14); do ask acme-bi 10.20.9.51 GET "/api/reports/customers?page=$((n * 3))&size=25" -H "X-Api-Key: $key"; done
