#!/bin/bash
# A document over which the normaliser dies twice is set aside with its reason; the documents around it go on. The deaths are
# kill -9 while a long document is in hand.
. "$(dirname "$0")/lib.sh"
instance a 'fetching = false' 'normalisers = 1'
start a
"$PYTHON" - >"$WORK/long.ndjson" <<'PY'
import json
line = json.dumps({"kind": "ilacs", "council_id": "leeds", "event_date": "2024-01-08", "published_at": "2024-03-01T00:00:00Z", "publisher": "Nobody",
                   "tier": "B", "url": "https://example.org/%d", "title": "A long document", "quote": "word " * 50, "values": {"overall_effectiveness": "good"}})
for number in range(120000):
    print(line % number)
PY
say "a document of $(($(stat -c %s "$WORK/long.ndjson") / 1000000)) MB"
in_flight() { cw a status --json | "$PYTHON" -c 'import json, sys; sys.exit(0 if json.load(sys.stdin)["backlog"]["in_flight"] > 0 else 1)'; }
normaliser() {
	local child
	for child in $(cat "/proc/$(pid_of a)/task/$(pid_of a)/children"); do
		[ "$(cat "/proc/$child/comm" 2>/dev/null)" = councilwatch-no ] && echo "$child" && return 0
	done
	return 1
}
deaths() { [ "$(grep -c 'worker.died role=normaliser' "$WORK/a/daemon.log")" -ge "$1" ]; }
takes() { [ "$(grep -c 'worker.ready role=normaliser' "$WORK/a/daemon.log")" -ge "$1" ]; }
returned() { [ "$(grep -c 'document.returned.*deaths=' "$WORK/a/daemon.log")" -ge "$1" ]; }

cw a import --feed evidence --fetched-at 2025-01-01 "$WORK/long.ndjson" --json >"$WORK/long.json" 2>"$WORK/long.err" &
import=$!
# Others, before and behind it.
cw a import --feed area-send-summary --fetched-at 2024-08-08T16:45:07Z "$DATA/send/2024-08-08T164507Z_send.html" >"$WORK/others" 2>&1 || fail "a document before it"
for death in 1 2; do
	wait_until 30 "the long document waits or is in hand" in_flight
	wait_until 30 "a normaliser takes it" takes $death
	sleep 0.3
	pid=$(normaliser) || fail "there is no normaliser"
	kill -KILL "$pid"
	wait_until 10 "the death is noticed" deaths $death
	wait_until 10 "the document is returned" returned $death
done
cw a import --feed ofsted-ilacs-summary --manifest "$DATA/ilacs/MANIFEST.csv" >"$WORK/others" 2>&1 || fail "documents behind it: $(tail -n 3 "$WORK/others")"
wait $import && fail "the import of a document that was set aside ended with 0"
"$PYTHON" -c 'import json, sys; sys.exit(json.load(open(sys.argv[1]))["documents"][0]["outcome"] != "poison")' "$WORK/long.json" ||
	fail "the outcome is not poison: $(cat "$WORK/long.json" "$WORK/long.err")"
grep -q 'document.poison' "$WORK/a/daemon.log" || fail "nothing is logged about it"
cw a quarantine --json | grep -q '"poison"' || fail "it is not in quarantine"
cw a status >"$WORK/status" && fail "status is healthy though a document killed workers"
[ "$(cw a evidence --json --kind ilacs | wc -l)" -eq 316 ] || fail "$(cw a evidence --json --kind ilacs | wc -l) pieces of evidence, not the 316 of the other documents"
passed "two deaths set a document aside, with its reason; the others went through"

stop a
start a
cw a status --json >"$WORK/status.json"
"$PYTHON" -c 'import json, sys; s = json.load(open(sys.argv[1])); sys.exit(0 if s["poison"] == 1 and s["backlog"]["documents"] == 0 else 1)' "$WORK/status.json" ||
	fail "a restart forgot it or tries it again: $(cat "$WORK/status.json")"
deaths 1 && fail "it killed a worker again after a restart"
passed "a restart does not try it again"
stop a
