#!/usr/bin/env bash
# Installs the programs that the tests drive: real phones, a load generator, a browser.
# `tests/install.sh bench` also installs what the benchmarks compare with. Does nothing where all is there.
set -euo pipefail

# program, Debian package, what needs it
needed=(
  "sipp sip-tester load and failure scenarios against real sockets"
  "baresip baresip-core calls between real phones"
  "linphonec linphone-cli hold and resume with a second kind of phone"
  "chromium chromium the web UI"
  "dnsmasq dnsmasq-base name servers"
)
if [[ "${1:-}" == bench ]]; then
  needed+=("ffmpeg ffmpeg the codecs' figures that Tandem's are compared with")
  needed+=("kamailio kamailio the figures that Tandem's are compared with")
  needed+=("/usr/lib/x86_64-linux-gnu/kamailio/modules/db_sqlite.so kamailio-sqlite-modules Kamailio's registrar on SQLite")
fi

missing=()
reasons=()
for line in "${needed[@]}"; do
  read -r program package reason <<<"$line"
  if ! command -v "$program" >/dev/null && ! [[ -e $program ]]; then
    missing+=("$package")
    reasons+=("  $package: $reason")
  fi
done
[[ ${#missing[@]} -eq 0 ]] && exit 0

give_up() {
  {
    echo "$1, and the tests need:"
    printf '%s\n' "${reasons[@]}"
    echo "On Debian: sudo apt-get install --no-install-recommends ${missing[*]}"
    echo "Without them, cargo test -p sip -p media -p switch -p dialplan -p store -p admin still runs."
  } >&2
  exit 1
}

command -v apt-get >/dev/null || give_up "This system has no apt-get"
as_root=()
if [[ $(id -u) -ne 0 ]]; then
  sudo -n true 2>/dev/null || give_up "Installing takes root"
  as_root=(sudo -n)
fi
echo "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}")
"${install[@]}" >/dev/null 2>&1 || {
  "${as_root[@]}" apt-get update -q >/dev/null || give_up "apt-get update failed"
  "${install[@]}" >/dev/null || give_up "apt-get install failed"
}
