#!/usr/bin/env bash
# The web page in a real browser, on a Tandem of its own with an empty data folder, and on one with made-up calls,
# recordings and conferences.
set -euo pipefail
cd "$(dirname "$0")/.."

http=127.0.0.1:18480
demo_http=127.0.0.1:18481
data=$(mktemp -d)
TANDEM_ADMIN_TOKEN=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
export TANDEM_ADMIN_TOKEN
target/debug/tandem serve --data "$data" --dialplans dialplans --http "$http" \
  --sip udp:127.0.0.1:15480 --sip tcp:127.0.0.1:15480 --rtp 127.0.0.1:25480-25579 >"$data/log" 2>&1 &
tandem=$!
TANDEM_TOKEN=$TANDEM_ADMIN_TOKEN TMPDIR=$data target/debug/examples/demo "$demo_http" >"$data/demo.log" 2>&1 &
demo=$!
trap 'kill $tandem $demo 2>/dev/null || true; wait $tandem $demo 2>/dev/null || true; rm -rf "$data"' EXIT

# Waits until a process listens.
listens() {
  for _ in {1..100}; do
    (exec 3<>"/dev/tcp/${2/:/\/}") 2>/dev/null && break
    kill -0 "$1" 2>/dev/null || break
    sleep 0.1
  done
  kill -0 "$1" 2>/dev/null || { cat "$3" >&2; exit 1; }
}
listens $tandem "$http" "$data/log"
listens $demo "$demo_http" "$data/demo.log"

TANDEM_DEMO_URL=http://$demo_http TANDEM_URL=http://$http TANDEM_TOKEN=$TANDEM_ADMIN_TOKEN npm --prefix web run e2e
