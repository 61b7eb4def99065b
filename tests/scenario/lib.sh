# lib.sh: what every scenario needs. A scenario runs the real programs from $CW_BIN in a directory of its own under /tmp (the
# path of a socket may not be long), and ends only the processes that it started.
# shellcheck shell=bash
set -u -o pipefail

: "${CW_SOURCE:=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}"
: "${CW_BIN:?the directory with councilwatchd and councilwatch}"
export CW_SOURCE CW_BIN
PYTHON=/usr/bin/python3
SCENARIO=$(basename "$0" .sh)
DATA=$CW_SOURCE/tests/data
WORK=$(mktemp -d /tmp/cw.XXXXXX)
STARTED=()          # process ids to end
CHECKS=0
export PYTHONPATH=$CW_SOURCE/tests/scenario PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
umask 022

"$PYTHON" -c 'import zmq' 2>/dev/null || { echo "$SCENARIO: skipped: $PYTHON has no module zmq (package python3-zmq)"; exit 77; }

say() { printf '%s: %s\n' "$SCENARIO" "$*"; }

fail() {
	printf '%s: FAILED: %s\n' "$SCENARIO" "$*" >&2
	for log in "$WORK"/*/daemon.log; do
		[ -f "$log" ] && { echo "--- the last lines of $log" >&2; tail -n 12 "$log" >&2; }
	done
	exit 1
}

# passed WHAT: one thing was checked and is so.
passed() { CHECKS=$((CHECKS + 1)); say "ok $CHECKS: $*"; }

alive() { kill -0 "$1" 2>/dev/null && [ "$(sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null)" != Z ]; }

# end PID [SIGNAL]: ends a process of ours and waits for it.
end() {
	local pid=$1 signal=${2:-TERM} i
	kill -"$signal" "$pid" 2>/dev/null
	for ((i = 0; i < 200; i++)); do
		alive "$pid" || { wait "$pid" 2>/dev/null; return 0; }
		sleep 0.05
	done
	kill -KILL "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	return 1
}

cleanup() {
	local status=$? pid
	for pid in "${STARTED[@]:-}"; do
		[ -n "$pid" ] && alive "$pid" && end "$pid"
	done
	if [ -n "${CW_KEEP:-}" ]; then
		say "kept $WORK"
	else
		rm -rf "$WORK"
	fi
	[ $status -eq 0 ] && say "passed, $CHECKS checks"
	exit $status
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# wait_until SECONDS WHAT COMMAND…: until the command succeeds.
wait_until() {
	local limit=$1 what=$2 end_at
	shift 2
	end_at=$((SECONDS + limit + 1))
	while ! "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end_at ] || fail "waited $limit s in vain: $what"
		sleep 0.1
	done
}

free_port() { "$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# instance NAME [LINE…]: a configuration in $WORK/NAME, with more lines for councilwatch.conf. Feeds are the shipped ones unless
# there is a directory $WORK/NAME/feeds.d.
instance() {
	local name=$1 feeds
	shift
	mkdir -p "$WORK/$name/run"
	feeds=$CW_SOURCE/config/feeds.d
	[ -d "$WORK/$name/feeds.d" ] && feeds=$WORK/$name/feeds.d
	{
		printf 'state_dir = "%s"\nruntime_dir = "%s"\ninclude_feeds = "%s/*.conf"\n' "$WORK/$name/state" "$WORK/$name/run" "$feeds"
		printf 'councils_file = "%s"\naliases_file = "%s"\n' "$CW_SOURCE/config/councils.csv" "$CW_SOURCE/config/aliases.csv"
		printf 'risk_file = "%s"\n' "$CW_SOURCE/config/risk.conf"
		printf '%s\n' "$@"
	} >"$WORK/$name/councilwatch.conf"
}

conf() { printf '%s/%s/councilwatch.conf' "$WORK" "$1"; }
cw() { local name=$1; shift; "$CW_BIN/councilwatch" -c "$(conf "$name")" "$@"; }

ready() { grep -q 'daemon.ready' "$WORK/$1/daemon.log"; }

# start NAME [OPTION…]: its daemon; the process id is in PID_NAME.
start() {
	local name=$1
	shift
	: >"$WORK/$name/daemon.log"
	"$CW_BIN/councilwatchd" -c "$(conf "$name")" "$@" >>"$WORK/$name/daemon.log" 2>&1 &
	STARTED+=($!)
	printf -v "PID_${name//[^a-zA-Z0-9]/_}" %s $!
	ready_or_gone() { ready "$1" || ! alive "$2"; }
	wait_until 30 "the daemon of $name is ready" ready_or_gone "$name" $!
	ready "$name" || fail "the daemon of $name does not start: $(tail -n 5 "$WORK/$name/daemon.log")"
}

pid_of() { local variable=PID_${1//[^a-zA-Z0-9]/_}; printf %s "${!variable}"; }

# stop NAME: asks the daemon to end; it must, in order and with status 0.
stop() {
	local pid i status
	pid=$(pid_of "$1")
	kill -TERM "$pid" 2>/dev/null || fail "the daemon of $1 is gone"
	for ((i = 0; i < 300; i++)); do
		alive "$pid" || break
		sleep 0.05
	done
	alive "$pid" && fail "the daemon of $1 does not end"
	wait "$pid"
	status=$?
	[ $status -eq 0 ] || fail "the daemon of $1 ended with status $status"
}

# import_all NAME: every capture of both sets in one order of time, one document after another.
import_all() {
	local name=$1 feed moment file
	while IFS=$'\t' read -r feed moment file; do
		cw "$name" import --feed "$feed" --fetched-at "$moment" "$file" >>"$WORK/$name/import.log" 2>&1 </dev/null ||
			fail "importing $file into $name: $(tail -n 3 "$WORK/$name/import.log")"
	done < <(captures "${2:-}")
}

NGINX=$(command -v nginx || echo /usr/sbin/nginx)

# nginx_start: serves $WORK/web on 127.0.0.1:$PORT, with a log of status, path, time and the conditions of each request.
# A file $WORK/web/503 makes every request fail, with Retry-After: 4.
nginx_start() {
	local user=''
	# Started by root, nginx would read the files as nobody.
	[ "$(id -u)" -eq 0 ] && user='user root;'
	mkdir -p "$WORK/web" "$WORK/nginx"
	cat >"$WORK/nginx/nginx.conf" <<-END
		$user
		pid $WORK/nginx/pid;
		error_log $WORK/nginx/error.log warn;
		daemon off;
		worker_processes 1;
		events { worker_connections 64; }
		http {
			log_format t escape=none '\$status \$uri \$msec \$http_if_none_match \$http_if_modified_since \$http_user_agent';
			access_log $WORK/nginx/access.log t;
			client_body_temp_path $WORK/nginx/t;
			proxy_temp_path $WORK/nginx/t;
			fastcgi_temp_path $WORK/nginx/t;
			uwsgi_temp_path $WORK/nginx/t;
			scgi_temp_path $WORK/nginx/t;
			types { text/html html; }
			server {
				listen 127.0.0.1:$PORT;
				root $WORK/web;
				error_page 503 @busy;
				location @busy { add_header Retry-After 4 always; return 503; }
				location / { if (-f $WORK/web/503) { return 503; } }
			}
		}
	END
	"$NGINX" -p "$WORK/nginx" -e "$WORK/nginx/error.log" -c "$WORK/nginx/nginx.conf" >>"$WORK/nginx/out" 2>&1 &
	NGINX_PID=$!
	STARTED+=($NGINX_PID)
	wait_until 10 "nginx listens" bash -c "echo >/dev/tcp/127.0.0.1/$PORT"
}

# live_feeds NAME [KEY=VALUE…]: the two shipped feeds of real pages in $WORK/NAME/feeds.d, fetched from our nginx every second.
live_feeds() {
	local name=$1
	mkdir -p "$WORK/$name/feeds.d"
	sed -E -e "s,^( *url +=).*,\1 \"http://127.0.0.1:$PORT/ilacs.html\"," -e 's/^( *interval +=).*/\1 "1s"\n    jitter = "0s"/' \
		"$CW_SOURCE/config/feeds.d/ofsted-ilacs-summary.conf" >"$WORK/$name/feeds.d/ofsted-ilacs-summary.conf"
	sed -E -e "s,^( *url +=).*,\1 \"http://127.0.0.1:$PORT/send.html\"," -e 's/^( *interval +=).*/\1 "1s"\n    jitter = "0s"/' \
		"$CW_SOURCE/config/feeds.d/area-send-summary.conf" >"$WORK/$name/feeds.d/area-send-summary.conf"
}

# serve FILE NAME [SECONDS]: puts a page in place at once, with a time of change that differs from the last one's.
SERVED=1700000000
serve() {
	mkdir -p "$WORK/web"
	SERVED=$((SERVED + 60))
	cp "$1" "$WORK/web/.new" && chmod 644 "$WORK/web/.new" && touch -d "@$SERVED" "$WORK/web/.new" && mv "$WORK/web/.new" "$WORK/web/$2"
}

# captures [SEED]: "feed <tab> moment <tab> file" of every capture, in order of time or shuffled.
captures() {
	"$PYTHON" - "${1:-}" <<-'PY'
		import random, sys
		from captures import manifest
		rows = [("ofsted-ilacs-summary", m, p) for m, p in manifest("ilacs")] + [("area-send-summary", m, p) for m, p in manifest("send")]
		rows.sort(key=lambda row: row[1])
		if sys.argv[1]:
		    random.Random(int(sys.argv[1])).shuffle(rows)
		for row in rows:
		    print("\t".join(row))
	PY
}

# final_state NAME FILE: all that must not depend on order, grouping, repetition or accidents, as one text.
final_state() {
	local day
	{
		for day in 2023-08-31 2024-03-05 2024-07-31 2024-12-31 2025-03-31; do
			echo "councils as of $day"
			cw "$1" councils --json --as-of "$day" || return 1
		done
		echo evidence
		cw "$1" evidence --json | sort
		echo quarantine
		cw "$1" quarantine --json | "$PYTHON" -c '
import json, sys
for entry in sorted(json.dumps({k: v for k, v in e.items() if k != "id"}, sort_keys=True) for e in json.load(sys.stdin)):
    print(entry)'
	} >"$2"
}

# same FILE FILE WHAT
same() {
	cmp -s "$1" "$2" || { diff "$1" "$2" | cut -c1-400 | head -n 20 >&2; fail "$3"; }
	passed "$3"
}
