#!/bin/bash
# The submit socket: a receipt means that the document is on disk, through any death; the same again is the same; what is wrong is told
# with its mend; a flood, a client that does not read and a frame too large harm nobody.
. "$(dirname "$0")/lib.sh"

mkdir -p "$WORK/a/feeds.d"
cat >"$WORK/a/feeds.d/feeds.conf" <<-END
	feed "hand" { publisher = "LGA" tier = "A" format = "evidence" max_size = "64K" }
	feed "big" { publisher = "LGA" tier = "A" format = "evidence" }
	feed "off" { publisher = "LGA" tier = "A" format = "evidence" enabled = false }
	feed "evidence" { publisher = "unattributed" tier = "A" format = "evidence" }
	feed "fetched" {
	    url = "http://127.0.0.1:9/" publisher = "x" tier = "C" format = "csv" kind = "news"
	    record { council = c title = t }
	}
END
instance a 'fetching = false'
SOCKET=$WORK/a/run/submit
drive() { timeout 120 "$PYTHON" "$CW_SOURCE/tests/scenario/submit_drive.py" "$SOCKET" "$@"; }
evidence() { cw a evidence --json "$@" | wc -l; }
start a
[ "$(stat -c %a "$SOCKET")" = 660 ] || fail "the socket has mode $(stat -c %a "$SOCKET")"

drive receipts || fail "receipts"
[ "$(evidence leeds)" -eq 1 ] || fail "$(evidence leeds) pieces of evidence of one statement handed in by two clients"
passed "receipts are given, tell what became of a document, and are the same for the same"
drive errors || fail "errors"
passed "what is wrong is told"

# The documented example, as it stands in the document.
sed -n '/^```python$/,/^```$/p' "$CW_SOURCE/docs/submitting.md" | sed '1d;$d' >"$WORK/example.py"
timeout 30 "$PYTHON" "$WORK/example.py" "$SOCKET" >"$WORK/out" || fail "the documented example fails: $(cat "$WORK/out")"
grep -q '^committed 1 evidence, 0 quarantined$' "$WORK/out" || fail "the documented example says: $(cat "$WORK/out")"
passed "the documented example works"

# Nobody reads documents for a while: what is too much is refused as busy, what was accepted is used afterwards.
normalisers() { cw a status --json | "$PYTHON" -c 'import json, sys; print(*(p["pid"] for p in json.load(sys.stdin)["processes"] if p["role"] == "normaliser"))'; }
stopped=$(normalisers)
kill -STOP $stopped
drive flood 400 >"$WORK/out" || fail "flood"
kill -CONT $stopped
read -r accepted busy <"$WORK/out"
[ "$accepted" -ge 250 ] && [ "$busy" -ge 50 ] && [ $((accepted + busy)) -eq 400 ] || fail "of 400 at once $accepted were accepted and $busy refused"
idle() { cw a status --json | "$PYTHON" -c 'import json, sys; sys.exit(json.load(sys.stdin)["backlog"]["documents"])'; }
wait_until 60 "what was accepted is committed" idle
passed "a flood is answered with busy: $accepted accepted, $busy refused"

drive deaf 2000 || fail "deaf"
timeout 30 "$PYTHON" "$WORK/example.py" "$SOCKET" >/dev/null || fail "nobody is answered after a client that does not read"
wait_until 60 "the daemon is idle" idle
passed "a client that does not read harms nobody"

# Kills at any moment, also between receipt and commit.
before=$(evidence)
drive endure 300 "$WORK/receipts" &
DRIVE=$!
STARTED+=($DRIVE)
for round in 1 2 3 4 5 6; do
	sleep "0.$((RANDOM % 6 + 2))"
	kill -KILL "$(pid_of a)"
	wait "$(pid_of a)" 2>/dev/null
	start a
done
wait $DRIVE || fail "a document was not accepted"
[ "$(sort -u "$WORK/receipts" | wc -l)" -eq 300 ] || fail "$(sort -u "$WORK/receipts" | wc -l) receipts, not 300"
drive verify "$WORK/receipts" >"$WORK/out" || fail "verify"
[ "$(cat "$WORK/out")" = '{"committed": 300}' ] || fail "what became of 300 documents: $(cat "$WORK/out")"
[ $(($(evidence) - before)) -eq 300 ] || fail "$(($(evidence) - before)) new pieces of evidence, not 300"
passed "300 documents through six kills: each receipt is good, each statement counts once"

# A receipt, and then the machine is gone at once.
printf '{"kind":"signal","council_id":"kent","event_date":"2024-05-05","publisher":"LGA","tier":"A","values":{"signal":"lmcs_change","status":"occurred"}}\n' >"$WORK/kent.json"
kill -STOP $(normalisers)
cw a submit --json --feed hand "$WORK/kent.json" >"$WORK/out" || fail "submit: $(cat "$WORK/out")"
receipt=$(grep -o 'sha256:[0-9a-f]*' "$WORK/out" | head -n 1)
kill -KILL "$(pid_of a)"
wait "$(pid_of a)" 2>/dev/null
start a
echo "$receipt" >"$WORK/receipt"
drive verify "$WORK/receipt" >"$WORK/out"
[ "$(cat "$WORK/out")" = '{"committed": 1}' ] && [ "$(evidence kent)" -eq 1 ] || fail "after a kill between receipt and commit: $(cat "$WORK/out")"
passed "what has a receipt is used after a kill"

# The command.
cw a submit --feed hand --wait "$WORK/kent.json" >"$WORK/out" || fail "submit --wait: $(cat "$WORK/out")"
grep -q "^$receipt  document .*(submitted before): $WORK/kent.json" "$WORK/out" && grep -q 'committed: 1 rows, 1 evidence' "$WORK/out" || fail "submit --wait says: $(cat "$WORK/out")"
echo nonsense | cw a submit --feed hand --wait - >"$WORK/out" 2>&1
[ $? -eq 1 ] && grep -q 'rejected' "$WORK/out" && grep -q 'what to do:' "$WORK/out" || fail "submit of nonsense says: $(cat "$WORK/out")"
cw a submit --feed hnd "$WORK/kent.json" >"$WORK/out" 2>&1
[ $? -eq 2 ] && grep -q "did you mean 'hand'" "$WORK/out" || fail "submit to a feed that there is not says: $(cat "$WORK/out")"
cw a submit --feed fetched "$WORK/kent.json" >"$WORK/out" 2>&1
[ $? -eq 1 ] && grep -q 'submissions = true' "$WORK/out" || fail "submit to a feed that takes none says: $(cat "$WORK/out")"
cw a submit --json --feed hand "$WORK/kent.json" "$WORK/nothing" >"$WORK/out" 2>/dev/null
[ $? -eq 1 ] && "$PYTHON" -c '
import json, sys
a, b = json.load(open(sys.argv[1]))
sys.exit(not (a["receipt"] == sys.argv[2] and a["duplicate"] and "error" in b and b["file"].endswith("nothing")))' "$WORK/out" "$receipt" || fail "submit --json says: $(cat "$WORK/out")"
stop a
cw a submit --feed hand "$WORK/kent.json" >"$WORK/out" 2>&1
[ $? -eq 1 ] && grep -q 'councilwatchd' "$WORK/out" || fail "without a daemon: $(cat "$WORK/out")"
passed "the command hands in, waits, and tells what is wrong"
