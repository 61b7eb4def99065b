#!/bin/bash
# Normalisers on another machine: with a key on the lists they take part, and what they hold when they go is read by others; without one they do not;
# one that lies is found out there as well.
. "$(dirname "$0")/lib.sh"

mkdir -p "$WORK/a/feeds.d"
echo 'feed "hand" { publisher = "LGA" tier = "A" format = "evidence" submissions = true }' >"$WORK/a/feeds.d/feeds.conf"
mkdir -p "$WORK/far" && cp -r "$WORK/a/feeds.d" "$WORK/far/"
KEYS=$WORK/a
for name in server far other; do "$CW_BIN/councilwatch" keygen "$KEYS/$name.key" --public "$KEYS/$name.pub" >/dev/null || fail keygen; done
FAR_WORK=tcp://127.0.0.1:$(free_port) FAR_EVIDENCE=tcp://127.0.0.1:$(free_port)
cp "$KEYS/far.pub" "$KEYS/normalisers.keys"
instance a 'fetching = false' 'normalisers = 1' 'server_key = "./server.key"' "remote_work = \"$FAR_WORK\"" 'allow_work = "normalisers.keys"' \
	"remote_evidence = \"$FAR_EVIDENCE\"" 'allow_evidence = "normalisers.keys"'
far() { # KEY: the configuration of the other machine
	instance far "endpoint_work = \"${FAR_WORK/127.0.0.1/localhost}\"" "endpoint_evidence = \"$FAR_EVIDENCE\"" "client_key = \"$KEYS/$1.key\"" \
		"server_public_key = \"$KEYS/server.pub\""
}
go() { # LOG: starts a normaliser there; its process id is in FAR
	"$CW_BIN/councilwatch-normaliser" -c "$(conf far)" >"$WORK/$1.log" 2>&1 &
	FAR=$!
	STARTED+=($FAR)
}
remote() { cw a status --json | "$PYTHON" -c 'import json, sys; r = json.load(sys.stdin)["remote_normalisers"]; print(len(r), sum(n["documents"] for n in r))'; }
is_remote() { [ "$(remote | cut -d' ' -f1)" = "$1" ]; }
ended() { ! alive "$1"; }
N=0
documents() { # COUNT: so many new ones
	local i
	rm -f "$WORK"/doc.*
	for ((i = 0; i < $1; i++)); do
		N=$((N + 1))
		printf '{"kind":"signal","council_id":"leeds","event_date":"2024-05-%02d","published_at":"2024-05-30T09:00:00Z","publisher":"LGA","tier":"A","title":"t %d","values":{"signal":"s114_notice","status":"occurred"}}\n' \
			$((N % 28 + 1)) $N >"$WORK/doc.$N"
	done
}
import() { timeout 90 "$CW_BIN/councilwatch" -c "$(conf a)" import --feed hand "$WORK"/doc.* >"$WORK/out" 2>&1 || fail "$1: $(tail -n 3 "$WORK/out")"; }
all_there() { [ "$(cw a evidence --json | wc -l)" -eq $N ] || fail "$1: $(cw a evidence --json | wc -l) pieces of evidence of $N"; }

start a
far far
go far
wait_until 10 "the normaliser of the other machine is there" is_remote 1
documents 200
import "with two normalisers"
all_there "with two normalisers"
took() { [ "$(remote | cut -d' ' -f2)" -ge 20 ]; }
wait_until 5 "the other machine took its part" took
grep -q 'sandbox' "$WORK/far.log" && say "note: $(grep -m1 sandbox "$WORK/far.log")"
passed "a normaliser of another machine takes part: $(remote | cut -d' ' -f2) of 200 documents"

# It stops answering with documents in hand: they are read here.
kill -STOP "$FAR"
documents 20
import "with one that is silent"
all_there "with one that is silent"
grep -q 'worker.bad role=normaliser pid=0 reason=silent' "$WORK/a/daemon.log" || fail "nobody noticed that it is silent"
kill -CONT "$FAR"
wait_until 20 "it is told to begin anew" ended "$FAR"
is_remote 0 || fail "it is still there: $(remote)"
passed "what it held when it fell silent is read by another, and it has to begin anew"

# The service is gone and comes back: whoever outlived it ends.
go again
wait_until 10 "it is there again" is_remote 1
end "$(pid_of a)" KILL
wait_until 20 "it ends when its service is gone" ended "$FAR"
grep -q 'the connection to the service is lost' "$WORK/again.log" || fail "it does not say why it ends: $(tail -n 2 "$WORK/again.log")"
start a
passed "it does not outlive the connection to its service"

# Keys.
far other
go other
wait_until 20 "one without a key on the list ends" ended "$FAR"
grep -q "is this machine's key on its lists" "$WORK/other.log" || fail "it does not say why: $(tail -n 2 "$WORK/other.log")"
cw a status --json | grep -A4 '"endpoint": "work"' | grep -q '"unknown_key": [1-9]' || fail "it is not counted: $(cw a status | grep Refused)"
far far
go third
wait_until 10 "the right one is there" is_remote 1
cp "$KEYS/other.pub" "$KEYS/normalisers.keys"
kill -HUP "$(pid_of a)"
wait_until 20 "one whose key is taken off the list ends" ended "$FAR"
documents 5
import "after that"
all_there "after that"
passed "who has no key on the list does not come in, and who loses it goes"

# A liar, with a good key.
cp "$KEYS/far.pub" "$KEYS/normalisers.keys"
kill -HUP "$(pid_of a)"
reloaded() { [ "$(grep -c config.reloaded "$WORK/a/daemon.log")" -ge 2 ]; }
wait_until 10 "the list is back" reloaded
for lie in foreign garbage kind; do
	printf %s $lie >"$WORK/lie"
	CW_LIE=$WORK/lie CW_REAL=/bin/false "$PYTHON" "$CW_SOURCE/tests/support/liar.py" --work "$FAR_WORK" --evidence "$FAR_EVIDENCE" --key "$KEYS/far.key" \
		--server-key "$KEYS/server.pub" >"$WORK/liar.log" 2>&1 &
	LIAR=$!
	STARTED+=($LIAR)
	wait_until 10 "the liar is there" is_remote 1
	documents 6
	import "with a liar ($lie)"
	all_there "with a liar ($lie)"
	is_remote 0 || fail "a liar ($lie) is still taken for a normaliser"
	end $LIAR KILL 2>/dev/null
done
[ "$(grep 'worker.bad role=normaliser pid=0' "$WORK/a/daemon.log" | grep -vc reason=silent)" -eq 3 ] || fail "liars: $(grep worker.bad "$WORK/a/daemon.log")"
grep -q 'normaliser.refused .*from=key:far' "$WORK/a/daemon.log" || fail "the log does not say whose key the liar has"
grep -q 'worker.died' "$WORK/a/daemon.log" && fail "a worker of ours was ended for the lie of another"
passed "one that lies is given nothing more, and what it had is read by another"
stop a
