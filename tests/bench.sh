#!/usr/bin/env bash
# Runs the benchmarks and gathers what they print: one table, and target/bench.json. A benchmark says a figure in
# a line of its own that ends with the number and its unit: `what it is  12.5 ns`. Other lines are passed through.
# `tests/bench.sh store` runs one crate's only.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ ${1:-tests} == tests ]]; then
  tests/install.sh bench
  cargo build --locked --release -p tandem
fi
figures=target/bench.txt
mkdir -p target
: >"$figures"
for file in crates/*/benches/*.rs tests/benches/*.rs; do
  [[ -e $file ]] || continue
  crate=$(basename "$(dirname "$(dirname "$file")")")
  [[ -z ${1:-} || $1 == "$crate" ]] || continue
  echo "running $file" >&2
  cargo bench --locked -q -p "$crate" --bench "$(basename "$file" .rs)" | sed "s|^|$crate: |" >>"$figures"
done

is_figure='NF >= 4 && $(NF - 1) ~ /^[0-9]+([.][0-9]+)?$/'
name_of='value = $(NF - 1); unit = $NF; $(NF - 1) = $NF = ""; sub(/ +$/, "")'
awk "$is_figure"' { '"$name_of"'; printf "%-80s %14s %s\n", $0, value, unit; next } { print }' "$figures"
awk "$is_figure"' {
  '"$name_of"'; gsub(/["\\]/, "")
  printf "%s  {\"name\": \"%s\", \"value\": %s, \"unit\": \"%s\"}", (n++ ? ",\n" : "[\n"), $0, value, unit
} END { print (n ? "\n]" : "[]") }' "$figures" >target/bench.json
