#!/usr/bin/env bash
# The web page in a real browser, on a Tandem of its own with an empty data folder.
set -euo pipefail
cd "$(dirname "$0")/.."

http=127.0.0.1:18480
data=$(mktemp -d)
TANDEM_ADMIN_TOKEN=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
export TANDEM_ADMIN_TOKEN
target/debug/tandem serve --data "$data" --dialplans dialplans --http "$http" \
  --sip udp:127.0.0.1:15480 --sip tcp:127.0.0.1:15480 --rtp 127.0.0.1:25480-25579 >"$data/log" 2>&1 &
tandem=$!
trap 'kill $tandem 2>/dev/null || true; wait $tandem 2>/dev/null || true; rm -rf "$data"' EXIT

for _ in {1..100}; do
  (exec 3<>"/dev/tcp/${http/:/\/}") 2>/dev/null && break
  kill -0 $tandem 2>/dev/null || break
  sleep 0.1
done
kill -0 $tandem 2>/dev/null || { cat "$data/log" >&2; exit 1; }

TANDEM_URL=http://$http TANDEM_TOKEN=$TANDEM_ADMIN_TOKEN npm --prefix web run e2e
