#!/bin/bash
# What "evidence --json" prints, imported elsewhere through the feed "evidence", gives the same.
. "$(dirname "$0")/lib.sh"

instance a 'fetching = false'
start a
import_all a
cw a evidence --json >"$WORK/a.evidence"
instance b 'fetching = false'
start b
# Standard input, in bulk; then the same again, in another order, as a file.
cw b import --feed evidence - <"$WORK/a.evidence" >"$WORK/b/import.log" || fail "importing evidence: $(cat "$WORK/b/import.log")"
levels() {
	local day
	for day in 2023-08-16 2023-08-31 2024-03-05 2024-07-31 2024-12-31 2025-03-31 2026-11-01; do
		cw "$1" councils --json --as-of $day || return 1
	done
}
levels a >"$WORK/a.levels" || fail "councils"
levels b >"$WORK/b.levels" || fail "councils"
same "$WORK/a.levels" "$WORK/b.levels" "evidence imported elsewhere gives the same levels on every day"

plain() { "$PYTHON" -c '
import json, sys
for line in sorted(json.dumps({k: v for k, v in json.loads(line).items() if k not in ("id", "feed", "document", "row")}, sort_keys=True) for line in sys.stdin):
    print(line)'; }
cw b evidence --json | plain >"$WORK/b.plain"
plain <"$WORK/a.evidence" >"$WORK/a.plain"
same "$WORK/a.plain" "$WORK/b.plain" "and comes out as it went in"
"$PYTHON" -c 'import random, sys
lines = sys.stdin.readlines()
random.Random(3).shuffle(lines)
sys.stdout.writelines(lines)' <"$WORK/a.evidence" >"$WORK/shuffled.ndjson"
before=$(cw b alerts --json | wc -l)
cw b import --feed evidence "$WORK/shuffled.ndjson" >"$WORK/b/import.log" || fail "importing it again: $(cat "$WORK/b/import.log")"
cw b evidence --json | plain >"$WORK/b.again"
same "$WORK/b.plain" "$WORK/b.again" "importing it again in another order changes nothing"
[ "$(cw b alerts --json | wc -l)" -eq "$before" ] || fail "importing it again raised alerts"
stop b
stop a
