#!/bin/bash
# A random history over all kinds of evidence and councils that followed one another, through the real programs: in order of time or shuffled,
# in one file or many, with the daemon killed on the way, it ends in the same; and a past day is answered as by somebody who had only
# what was public then, over this history and the real captures.
. "$(dirname "$0")/lib.sh"
SEED=${CW_SEED:-$((RANDOM % 1000 + 1))}
[ -n "${CW_REDUCED:-}" ] && SEED=${CW_SEED:-1}
say "CW_SEED=$SEED"
random_evidence() { "$PYTHON" "$CW_SOURCE/tests/scenario/random_evidence.py" "$@"; }
random_evidence make "$SEED" >"$WORK/history.ndjson" || fail "making the history"

# import_parts NAME: each file of $WORK/NAME.parts, one after the other; repeated when the daemon was gone.
import_parts() {
	local file tries
	for file in "$WORK/$1.parts"/*; do
		for tries in 1 2 3 4 5; do
			timeout 60 "$CW_BIN/councilwatch" -c "$(conf "$1")" import --feed evidence "$file" >"$WORK/$1/import.log" 2>&1 && continue 2
			grep -q 'does not answer' "$WORK/$1/import.log" || break
			sleep 0.5
		done
		fail "importing $file (CW_SEED=$SEED): $(tail -n 3 "$WORK/$1/import.log")"
	done
}
# state NAME FILE: evidence and levels on many days.
state() {
	local day
	{
		cw "$1" evidence --json | "$PYTHON" -c '
import json, sys
for line in sorted(json.dumps({k: v for k, v in json.loads(line).items() if k not in ("document", "row")}, sort_keys=True) for line in sys.stdin): print(line)'
		for day in 2018-06-30 2019-04-01 2019-12-31 2021-03-31 2021-04-01 2022-08-15 2023-04-01 2024-12-31 2026-06-30; do
			cw "$1" councils --json --as-of $day || return 1
		done
		cw "$1" quarantine --json | "$PYTHON" -c 'import json, sys; print(sorted((q["reason"], q["text"]) for q in json.load(sys.stdin)))'
	} >"$2"
}
alert_ids() { cw "$1" alerts --json | "$PYTHON" -c '
import json, sys
for line in sorted(json.loads(line)["id"] for line in sys.stdin): print(line)'; }
kill_on_the_way() {
	local pid children child
	pid=$(pid_of "$1")
	children=$(cat "/proc/$pid/task/$pid/children" 2>/dev/null)
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null
	start "$1"
	gone() { ! alive "$1"; }
	for child in $children; do wait_until 15 "worker $child of the killed daemon ends by itself" gone "$child"; done
}

# name:seed:files:kills. Seed 0 is the order of time.
for run in whole:0:2:0 dated:0:25:1 mixed:$((SEED + 1)):20:1 heaped:$((SEED + 2)):2:0; do
	IFS=: read -r name seed files kills <<<"$run"
	mkdir -p "$WORK/$name.parts"
	random_evidence split "$seed" "$files" "$WORK/$name.parts" <"$WORK/history.ndjson" || fail "splitting"
	instance "$name" 'fetching = false' "normalisers = $((RANDOM % 2 + 1))"
	start "$name"
	import_parts "$name" &
	import=$!
	if [ "$kills" -gt 0 ]; then
		sleep "0.$((RANDOM % 6 + 2))"
		kill_on_the_way "$name"
		sleep "0.$((RANDOM % 9 + 1))"
		kill_on_the_way "$name"
	fi
	wait $import || fail "the import of $name (CW_SEED=$SEED)"
	state "$name" "$WORK/$name.state" || fail "reading $name"
	alert_ids "$name" >"$WORK/$name.alerts"
	[ "$name" = whole ] || stop "$name"
done
say "$(wc -l <"$WORK/history.ndjson") statements, $(wc -l <"$WORK/whole.alerts") alerts"
[ "$(wc -l <"$WORK/whole.alerts")" -gt 100 ] || fail "too little happens for this to be a test"
for name in dated mixed heaped; do
	same "$WORK/whole.state" "$WORK/$name.state" "$name: the same evidence, levels and quarantine (CW_SEED=$SEED)"
done
same "$WORK/whole.alerts" "$WORK/dated.alerts" "in order of time, the same alerts whatever the grouping and the restarts"
for name in mixed heaped; do
	comm -23 "$WORK/whole.alerts" "$WORK/$name.alerts" | grep -q . && fail "$name (CW_SEED=$SEED): alerts are missing"
done
passed "in any order, every one of them"

# What was public on a day is what that day is answered with: with the captures, too.
cw whole import --feed ofsted-ilacs-summary --manifest "$DATA/ilacs/MANIFEST.csv" >"$WORK/out" 2>&1 || fail "import: $(tail -n 2 "$WORK/out")"
cw whole import --feed area-send-summary --manifest "$DATA/send/MANIFEST.csv" >"$WORK/out" 2>&1 || fail "import: $(tail -n 2 "$WORK/out")"
cw whole evidence --json >"$WORK/everything"
stop whole
# answers NAME DAY FILE
answers() {
	local council
	cw "$1" councils --json --as-of "$2" || return 1
	cw "$1" councils --as-of "$2" --since 2018-01-01 || return 1
	cw "$1" evidence --json --as-of "$2" | "$PYTHON" -c '
import json, sys
for line in sorted(json.dumps({k: v for k, v in json.loads(line).items() if k not in ("document", "row")}, sort_keys=True) for line in sys.stdin): print(line)'
	for council in leeds bradford swindon northamptonshire west-northamptonshire dorset cumberland surrey; do
		cw "$1" explain "$council" --as-of "$2" 2>&1
		cw "$1" explain "$council" --json --as-of "$2" 2>&1
		cw "$1" history "$council" --as-of "$2" 2>&1
	done | sed -e 's/"\(document\|row\)":[^,}]*//g; s/sha256:[0-9a-f]*//g; s/row [0-9]*//g'
}
mkdir -p "$WORK/all.parts"
cp "$WORK/everything" "$WORK/all.parts/000"
instance all 'fetching = false'
start all
import_parts all
for day in 2019-12-31 2021-06-15 2024-03-05; do
	mkdir -p "$WORK/then.parts"
	random_evidence before $day <"$WORK/everything" >"$WORK/then.parts/000"
	rm -rf "${WORK:?}/then"
	instance then 'fetching = false'
	start then
	import_parts "then"
	answers "then" $day >"$WORK/then.answers" || fail "reading"
	answers all $day >"$WORK/all.answers" || fail "reading"
	[ "$(grep -c '"as_of"' "$WORK/then.answers")" -gt 5 ] || fail "nothing was answered: $(head -n 3 "$WORK/then.answers")"
	same "$WORK/then.answers" "$WORK/all.answers" "on $day: councils, evidence, explain and history say what they said then ($(wc -l <"$WORK/then.parts/000") of $(wc -l <"$WORK/everything") statements; CW_SEED=$SEED)"
	stop "then"
done
stop all
