#!/usr/bin/env bash
# Runs every benchmark and gathers what they print. A benchmark says a figure in a line of its own:
#   bench<TAB>name<TAB>value<TAB>unit
# Out come one table and target/bench.json. `tests/bench.sh store` runs one crate's only.
set -euo pipefail
cd "$(dirname "$0")/.."

output=target/bench.txt
mkdir -p target
: >"$output"
for folder in crates/*/benches tests/benches; do
  [[ -d $folder ]] || continue
  crate=$(basename "$(dirname "$folder")")
  [[ -z ${1:-} || $1 == "$crate" ]] || continue
  for file in "$folder"/*.rs; do
    cargo bench --locked -q -p "$crate" --bench "$(basename "$file" .rs)" | tee -a "$output" | grep -v $'^bench\t' || true
  done
done

awk -F'\t' '$1 == "bench" { printf "%-64s %12s %s\n", $2, $3, $4 }' "$output"
awk -F'\t' '
  BEGIN { print "[" }
  $1 == "bench" { gsub(/["\\]/, "", $2); printf "%s  {\"name\": \"%s\", \"value\": %s, \"unit\": \"%s\"}", (n++ ? ",\n" : ""), $2, $3, $4 }
  END { print "\n]" }' "$output" >target/bench.json
