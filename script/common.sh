# common.sh: what script/demo and script/test share: the packages they need on Debian 12 and how they are brought in.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# To build the programs.
BUILD_PACKAGES=(
	ca-certificates cmake gcc libc6-dev ninja-build pkg-config
	libconfuse-dev libcurl4-openssl-dev libjansson-dev libpoppler-glib-dev libseccomp-dev libsqlite3-dev libssl-dev libutf8proc-dev libxml2-dev
	libzip-dev libzmq3-dev libzstd-dev
)
# To show them: a web server for the recorded pages, and a subscriber that is not ours.
DEMO_PACKAGES=(nginx-light python3 python3-zmq)
# To test them: a second compiler, the test library, the sanitizers' symbolizer, and readers of what is checked.
TEST_PACKAGES=("${DEMO_PACKAGES[@]}" clang curl llvm libcmocka-dev libclang-rt-14-dev mandoc openssl procps sqlite3)

if [ -t 1 ]; then BOLD=$'\033[1m' PLAIN=$'\033[0m'; else BOLD='' PLAIN=''; fi

step() { printf '\n%s==> %s%s\n' "$BOLD" "$*" "$PLAIN"; }
say() { printf '    %s\n' "$*"; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

missing_packages() {
	local package
	for package in "$@"; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
	done
}

# as_root COMMAND…: as root, or with sudo.
as_root() {
	if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# install_packages PACKAGE…: those that are missing, and nothing else.
install_packages() {
	local missing log policy=/usr/sbin/policy-rc.d made_policy='' status
	command -v dpkg-query >/dev/null || die "this needs Debian 12 (or a system made from it) with dpkg and apt-get"
	mapfile -t missing < <(missing_packages "$@")
	if [ ${#missing[@]} -eq 0 ]; then
		say "every package is there already"
		return
	fi
	say "missing: ${missing[*]}"
	if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
		die "these packages have to be installed first, by root:
  apt-get install --no-install-recommends ${missing[*]}"
	fi
	log=$(mktemp)
	# nginx serves files in a test or a demonstration, as a process of ours: it must not start as a service because of us.
	if [[ " ${missing[*]} " == *" nginx-light "* ]] && [ ! -e $policy ]; then
		printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null && as_root chmod 755 $policy && made_policy=yes
	fi
	say "apt-get update"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update >"$log" 2>&1 || { tail -n 20 "$log" >&2; die "apt-get update failed"; }
	say "apt-get install (this can take some minutes)"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends -o Dpkg::Use-Pty=0 install "${missing[@]}" \
		>"$log" 2>&1 </dev/null
	status=$?
	if [ -n "$made_policy" ]; then
		as_root rm -f $policy
		if [ -d /run/systemd/system ]; then as_root systemctl disable nginx >>"$log" 2>&1 || :; fi
	fi
	[ $status -eq 0 ] || { tail -n 30 "$log" >&2; die "apt-get install failed"; }
	rm -f "$log"
	say "installed"
}

# quietly LOG COMMAND…: its output goes to a file, of which the end is shown if it fails.
quietly() {
	local log=$1 status
	shift
	"$@" >"$log" 2>&1 </dev/null
	status=$?
	[ $status -eq 0 ] || { echo "--- $* ended with status $status; the end of $log:" >&2; tail -n 40 "$log" >&2; }
	return $status
}
