#!/bin/bash
# A normaliser that lies: about documents that it was not given, with frames that are none, at sockets where it has no business. It is found
# out, ended and counted, and its documents are read by another.
. "$(dirname "$0")/lib.sh"

mkdir -p "$WORK/a/feeds.d" "$WORK/bin"
echo 'feed "hand" { publisher = "LGA" tier = "A" format = "evidence" submissions = true }' >"$WORK/a/feeds.d/feeds.conf"
instance a 'fetching = false' 'normalisers = 1' "worker_dir = \"$WORK/bin\""
ln -s "$CW_BIN/councilwatch-assessor" "$WORK/bin/councilwatch-assessor"
ln -s "$CW_SOURCE/tests/support/liar.py" "$WORK/bin/councilwatch-normaliser"
export CW_LIE=$WORK/lie CW_REAL=$CW_BIN/councilwatch-normaliser
N=0

# documents: two new ones, a statement in each.
documents() {
	local i
	for i in 1 2; do
		N=$((N + 1))
		printf '{"kind":"signal","council_id":"leeds","event_date":"2024-05-%02d","published_at":"2024-05-30T09:00:00Z","publisher":"LGA","tier":"A","title":"t %d","url":"https://example.org/%d","values":{"signal":"s114_notice","status":"occurred"}}\n' \
			$((N % 28 + 1)) $N $N >"$WORK/$i.ndjson"
	done
}

try() { # LIE WHO TEXT: who is ended, and what the log says of it
	local lie=$1 who=$2 text=$3 bad
	printf %s "$lie" >"$CW_LIE"
	start a
	documents
	timeout 60 "$CW_BIN/councilwatch" -c "$(conf a)" import --feed hand "$WORK/1.ndjson" "$WORK/2.ndjson" >"$WORK/out" 2>&1 || fail "$lie: the documents are not read: $(cat "$WORK/out")"
	[ ! -e "$CW_LIE" ] || fail "$lie: nobody lied"
	grep 'worker.bad' "$WORK/a/daemon.log" | grep -q "$text" || fail "$lie: not found out"
	grep -q "worker.died role=$who .*signal KILL" "$WORK/a/daemon.log" || fail "$lie: it is not ended"
	bad=$(cw a status --json | "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["bad_workers"])')
	[ "$bad" -ge 1 ] || fail "$lie: not counted"
	[ "$(cw a evidence --json | wc -l)" -eq $N ] || fail "$lie: $(cw a evidence --json | wc -l) pieces of evidence of $N"
	grep -q 'worker.died role=assessor\|document.poison\|config.reloaded' "$WORK/a/daemon.log" && fail "$lie: it did harm"
	stop a
	say "$lie: ended"
}

try foreign normaliser 'it speaks of a document that it was not given'
try guess normaliser 'it speaks of a document that it was not given'
passed "evidence about documents of others is refused"
try garbage normaliser 'without a header\|limits on frames'
try count normaliser 'batch'
try short normaliser 'evidence'
try turn normaliser 'a batch out of turn'
try unheard normaliser 'documents that nobody announced'
passed "what is no evidence is refused"
try kind normaliser 'sends what a normaliser may not'
try acks normaliser 'acknowledges more than it was sent'
try links normaliser 'has no step'
passed "what it may not say to the daemon is refused"
try commit normaliser 'it says that it is another'
try control normaliser 'speaks at the control socket'
try submit normaliser 'speaks at the submit socket'
try other normaliser 'it says that it is another'
[ "$(cw a quarantine list --json | wc -w)" -le 1 ] || fail "something is quarantined: $(cw a quarantine)"
passed "where it has no business it is not heard"

# The sockets of the workers are not even for the group.
start a
for socket in work commit evidence; do
	[ "$(stat -c %a "$WORK/a/run/$socket")" = 600 ] || fail "$socket has mode $(stat -c %a "$WORK/a/run/$socket")"
done
stop a
