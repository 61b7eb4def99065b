#!/bin/bash
# What reaches those who are paged: never history, however it comes in; one council's news at once; a national release, and what is learnt
# late, for the digest. The whole history of tests/data/history goes in before a subscriber's eyes.
. "$(dirname "$0")/lib.sh"

mkdir -p "$WORK/a/feeds.d" "$WORK/history"
cp "$CW_SOURCE/config/feeds.d/evidence.conf" "$WORK/a/feeds.d"
"$PYTHON" - "$CW_SOURCE/tests/data/history" "$WORK" <<'PY' || fail "unpacking the history"
import json, lzma, pathlib, sys
source, work = map(pathlib.Path, sys.argv[1:])
feeds = {}
for path in source.glob("*.ndjson.xz"):
    for line in lzma.decompress(path.read_bytes()).decode().splitlines(keepends=True):
        feeds.setdefault(json.loads(line)["feed"], []).append(line)
for feed, lines in feeds.items():
    (work / "history" / feed).write_text("".join(lines), encoding="utf-8")
    (work / "a/feeds.d" / f"{feed}.conf").write_text(f'feed "{feed}" {{\n publisher = "unattributed"\n tier = "A"\n format = "evidence"\n}}\n')
PY
instance a 'fetching = false' 'heartbeat = "200ms"'
start a
"$PYTHON" - "$WORK/a/run/alerts" >"$WORK/received" 2>"$WORK/subscriber.log" <<'PY' &
import sys, zmq
socket = zmq.Context.instance().socket(zmq.SUB)
socket.setsockopt(zmq.RCVHWM, 0)
socket.subscribe("")
socket.connect("ipc://" + sys.argv[1])
while True:
    topic, body = socket.recv_multipart()
    print(topic.decode(), body.decode(), sep="\t", flush=True)
PY
STARTED+=($!)
wait_until 10 "a heartbeat reaches the subscriber" grep -q ^heartbeat "$WORK/received"

for file in "$WORK"/history/*; do
	cw a import --feed "$(basename "$file")" "$file" >"$WORK/a/import.log" || fail "importing $file: $(cat "$WORK/a/import.log")"
done
last_seq() { cw a alerts --json | tail -n 1 | "$PYTHON" -c 'import json, sys; print(json.loads(sys.stdin.read() or "{\"data\":{\"seq\":0}}")["data"]["seq"])'; }
beaten() { tail -n 1 "$WORK/received" | grep -q "^heartbeat.*\"seq\":$1,"; }
seq=$(last_seq)
[ "$seq" -ge 300 ] || fail "the history raised $seq alerts only: no test"
wait_until 10 "a heartbeat with seq $seq" beaten "$seq"
grep -v ^heartbeat "$WORK/received" && fail "imported history was pushed"
[ "$(cw a alerts --json | grep -c '"imported":true')" -eq "$(cw a alerts --json | wc -l)" ] || fail "alerts of an import are not all marked"
passed "$seq alerts of imported history are stored and marked, and none is pushed"

# statements FILE DAYS COUNCIL…: a direction for each, published so many days ago.
statements() {
	local file=$1 published council
	published=$(date -u -d "$2 days ago" +%Y-%m-%dT00:00:00Z)
	shift 2
	for council; do
		printf '{"kind":"signal","council_id":"%s","event_date":"%s","published_at":"%s","fetched_at":"%s","publisher":"Department for Education","tier":"A","title":"Direction","values":{"signal":"statutory_direction","status":"open","criterion":"ofsted"}}\n' \
			"$council" "${published%T*}" "$published" "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
	done >"$file"
}
hand_in() { cw a submit --feed evidence --wait "$1" >"$WORK/a/submit.log" 2>&1 || fail "submitting $1: $(cat "$WORK/a/submit.log")"; }
# pushed COUNCIL DIGEST: an alert about it has come, with this mark.
pushed() { grep -qE "^council/$1/(level_up|floor_opened).*\"digest\":$2" "$WORK/received"; }

statements "$WORK/one.ndjson" 0 leeds
hand_in "$WORK/one.ndjson"
wait_until 10 "the subscriber hears of one council" pushed leeds false
# Time goes on for the others: what it changed in the last two days is no history yet.
[ "$(grep -c '^council/.*/level_up' "$WORK/received")" -eq 1 ] || fail "more than one council's news: $(grep ^council/ "$WORK/received" | cut -f1)"
[ "$(last_seq)" -gt $((seq + 1)) ] || fail "time alone had changed nothing since the history: no test"
passed "one council's news is told at once; what time had changed meanwhile is history, and is not pushed"

statements "$WORK/nine.ndjson" 0 barnet bexley brent bromley camden ealing enfield harrow hounslow
hand_in "$WORK/nine.ndjson"
wait_until 10 "the subscriber hears of nine councils" pushed hounslow false
passed "nine at one moment are told at once"

RELEASE="bury bolton oldham rochdale salford stockport tameside trafford wigan manchester"
# shellcheck disable=SC2086
statements "$WORK/ten.ndjson" 0 $RELEASE
hand_in "$WORK/ten.ndjson"
for council in $RELEASE; do
	wait_until 10 "the subscriber hears of $council" pushed "$council" true
done
passed "ten at one moment are a release, and are marked for the digest"

statements "$WORK/late.ndjson" 60 kent
hand_in "$WORK/late.ndjson"
wait_until 10 "the subscriber hears of kent" pushed kent true
passed "what was published long ago and is learnt now is for the digest"

before=$(grep -c ^council/ "$WORK/received")
statements "$WORK/imported.ndjson" 0 surrey essex
cw a import --feed evidence "$WORK/imported.ndjson" >"$WORK/a/import.log" || fail "importing: $(cat "$WORK/a/import.log")"
wait_until 10 "a heartbeat after the import" beaten "$(last_seq)"
[ "$(grep -c ^council/ "$WORK/received")" -eq "$before" ] || fail "an import of today's news was pushed"
cw a alerts --json | tail -n 2 | grep -c '"imported":true' | grep -qx 2 || fail "the import of today's news raised no alerts: no test"
passed "an import pages nobody, not even with today's news"

# On request, all of it in order.
cw a alerts --json | "$PYTHON" -c '
import json, sys
seqs = [json.loads(line)["data"]["seq"] for line in sys.stdin]
sys.exit(0 if seqs == list(range(1, len(seqs) + 1)) else 1)' || fail "seq has gaps"
passed "seq rises by one, history included"
stop a
