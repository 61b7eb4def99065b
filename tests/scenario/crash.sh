#!/bin/bash
# kill -9 of the normaliser, the assessor and the daemon at many moments, while documents are imported and while pages are polled. The
# final state is that of a run that nobody disturbed. CW_SEEDS chooses how many moments per victim.
. "$(dirname "$0")/lib.sh"
SEEDS=${CW_SEEDS:-8}
[ -n "${CW_REDUCED:-}" ] && SEEDS=2

# children_of PID NAME: process ids of the daemon's workers of that name (comm has 15 characters).
children_of() {
	local child
	for child in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
		[ "$(cat "/proc/$child/comm" 2>/dev/null)" = "${2:0:15}" ] && echo "$child"
	done
}

restart_after_kill() {
	local name=$1 pid children child
	pid=$(pid_of "$name")
	children=$(cat "/proc/$pid/task/$pid/children" 2>/dev/null)
	kill -KILL "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	cat "$WORK/$name/daemon.log" >>"$WORK/$name/daemon.log.old"
	start "$name"
	for child in $children; do
		gone() { ! alive "$1"; }
		wait_until 15 "worker $child of the killed daemon ends by itself" gone "$child"
	done
}

# hit NAME VICTIM: what must never lose anything.
hit() {
	local pid
	case $2 in
	daemon) restart_after_kill "$1" ;;
	*)
		pid=$(children_of "$(pid_of "$1")" "councilwatch-$2" | head -n 1)
		[ -n "$pid" ] && kill -KILL "$pid" 2>/dev/null
		;;
	esac
}

# alerts NAME: by content, in order; the numbers are checked and left out.
alerts() {
	cw "$1" alerts --json | "$PYTHON" -c '
import json, sys
seen = set()
for number, line in enumerate(sys.stdin, 1):
    alert = json.loads(line)
    assert alert["data"]["seq"] == number, "alert %d has seq %d" % (number, alert["data"]["seq"])
    assert alert["id"] not in seen, "alert twice: " + alert["id"]
    seen.add(alert["id"])
    del alert["data"]["seq"]
    print(json.dumps(alert, sort_keys=True))'
}

# import_set NAME FEED SET: an import goes on through restarts, but one that begins while nobody listens says so and ends; then it is
# repeated, as a person would.
import_set() {
	local tries
	for tries in 1 2 3 4 5; do
		timeout 60 "$CW_BIN/councilwatch" -c "$(conf "$1")" import --feed "$2" --manifest "$DATA/$3/MANIFEST.csv" >"$WORK/$1/import.log" 2>&1 && return 0
		grep -q 'does not answer' "$WORK/$1/import.log" || return 1
		sleep 0.5
	done
	return 1
}

import_both() { import_set "$1" ofsted-ilacs-summary ilacs && import_set "$1" area-send-summary send; }

# The run that nobody disturbs, and how long it takes.
instance calm 'fetching = false'
start calm
began=$(date +%s%N)
import_both calm || fail "the undisturbed import: $(tail -n 3 "$WORK/calm/import.log")"
took=$((($(date +%s%N) - began) / 1000000))
final_state calm "$WORK/calm.state" || fail "reading the state"
alerts calm >"$WORK/calm.alerts" || fail "numbers of alerts"
stop calm
say "undisturbed: $took ms, $(wc -l <"$WORK/calm.alerts") alerts"

hits=0
for ((seed = 1; seed <= SEEDS; seed++)); do
	for victim in normaliser assessor daemon; do
		name=$victim$seed
		RANDOM=$((seed * 7919 + ${#victim}))
		instance "$name" 'fetching = false' "normalisers = $((RANDOM % 2 + 1))"
		start "$name"
		import_both "$name" &
		import=$!
		# The first moment is anywhere in the run, a second one shortly after it. Two deaths of the normaliser with one document
		# in hand would rightly set that document aside, so it is hit once.
		delay=$((RANDOM % took))
		sleep "$(printf '0.%03d' $((delay % 1000)))"
		hit "$name" "$victim"
		hits=$((hits + 1))
		if [ "$victim" != normaliser ]; then
			sleep "$(printf '0.%03d' $((RANDOM % 150)))"
			hit "$name" "$victim"
			hits=$((hits + 1))
		fi
		wait $import || fail "$victim killed after $delay ms (seed $seed): the import did not get through (status $?): $(tail -n 3 "$WORK/$name/import.log")"
		alerts "$name" >"$WORK/$name.alerts" || fail "$victim killed after $delay ms (seed $seed): numbers of alerts"
		cmp -s "$WORK/calm.alerts" "$WORK/$name.alerts" ||
			{ diff "$WORK/calm.alerts" "$WORK/$name.alerts" | cut -c1-300 | head; fail "$victim killed after $delay ms (seed $seed): other alerts"; }
		final_state "$name" "$WORK/$name.state" || fail "reading the state"
		cmp -s "$WORK/calm.state" "$WORK/$name.state" ||
			{ diff "$WORK/calm.state" "$WORK/$name.state" | cut -c1-300 | head; fail "$victim killed after $delay ms (seed $seed): another state"; }
		stop "$name"
		rm -rf "${WORK:?}/$name"
	done
done
passed "$hits times kill -9 during imports: evidence, levels, quarantine and alerts as without it"

# While pages are polled: two instances at one web server; one is hit again and again.
[ -x "$NGINX" ] || { say "no nginx: polling is left out"; exit 0; }
PORT=$(free_port)
nginx_start
for name in still struck; do
	live_feeds $name
	instance $name 'heartbeat = "500ms"'
done
mapfile -t pages < <(captures | awk -F '\t' '$1 == "ofsted-ilacs-summary" { print $3 }' | awk 'NR % 6 == 1 || NR == 28')
serve "${pages[0]}" ilacs.html
serve "$DATA/send/2024-08-08T164507Z_send.html" send.html
start still
start struck
# Not through cw: the process to end is the command itself, not a shell around it.
"$CW_BIN/councilwatch" -c "$(conf struck)" watch --since 0 --json >"$WORK/watched" 2>"$WORK/watch.log" &
watch=$!
STARTED+=($watch)
committed() { cw "$1" status --json | "$PYTHON" -c 'import json, sys; s = json.load(sys.stdin); sys.exit(0 if s["documents"]["committed"] >= int(sys.argv[1]) and not s["backlog"]["documents"] else 1)' "$2"; }
wait_until 20 "the first pages" committed still 2
wait_until 20 "the first pages" committed struck 2
RANDOM=4711
victims=(daemon assessor normaliser daemon assessor normaliser daemon assessor)
for ((i = 1; i < ${#pages[@]}; i++)); do
	serve "${pages[i]}" ilacs.html
	sleep "$(printf '0.%03d' $((RANDOM % 900)))"
	hit struck "${victims[i % ${#victims[@]}]}"
	wait_until 30 "page $i without a blow" committed still $((2 + i))
	wait_until 30 "page $i in spite of kill -9 of the ${victims[i % ${#victims[@]}]}" committed struck $((2 + i))
done
for name in still struck; do
	cw $name evidence --json | "$PYTHON" -c '
import json, sys
for line in sorted(json.dumps({k: v for k, v in json.loads(line).items() if k not in ("fetched_at", "published_at")}, sort_keys=True) for line in sys.stdin):
    print(line)' >"$WORK/$name.evidence"
	cw $name councils --json >"$WORK/$name.levels"
	cw $name alerts --json | "$PYTHON" -c '
import json, sys
for number, line in enumerate(sys.stdin, 1):
    alert = json.loads(line)
    assert alert["data"]["seq"] == number, "alert %d has seq %d" % (number, alert["data"]["seq"])
    if alert["data"]["kind"] != "source_outage":
        print(alert["subject"], *[alert["data"][k] for k in ("kind", "previous_level", "level", "points", "cause")])' >"$WORK/$name.alerts" || fail "numbers of alerts in $name"
done
same "$WORK/still.evidence" "$WORK/struck.evidence" "polled under kill -9: the same evidence"
same "$WORK/still.levels" "$WORK/struck.levels" "and the same levels"
same "$WORK/still.alerts" "$WORK/struck.alerts" "and the same alerts, $(wc -l <"$WORK/still.alerts") of them"
complete() { [ "$(wc -l <"$WORK/watched")" -ge "$(cw struck alerts --json | wc -l)" ]; }
wait_until 15 "the follower has caught up" complete
kill -TERM $watch
sorted_members() { "$PYTHON" -c 'import json, sys
for line in sys.stdin: print(json.dumps(json.loads(line), sort_keys=True))'; }
sorted_members <"$WORK/watched" >"$WORK/watched.sorted"
cw struck alerts --json | sorted_members >"$WORK/told.sorted"
same "$WORK/told.sorted" "$WORK/watched.sorted" "a follower heard each alert once and in order through every restart"
stop struck
stop still
