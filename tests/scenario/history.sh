#!/bin/bash
# The real history: every capture in order of time, against an independent reading of the same pages (captures.py). Then all of it
# again, and all of it shuffled into another instance with more workers.
. "$(dirname "$0")/lib.sh"

# Reorganisations are another matter: the independent reading of the pages knows nothing of them.
instance a 'fetching = false' 'lineage_file = ""'
start a
say "importing $(captures | wc -l) captures in order of time"
import_all a
cw a alerts --json >"$WORK/alerts" || fail "alerts"
cw a evidence --json >"$WORK/evidence" || fail "evidence"
cw a quarantine --json >"$WORK/quarantine" || fail "quarantine"
for day in 2023-08-17 2023-09-03 2023-12-31 2024-03-05 2024-06-30 2024-08-08 2024-12-31 2025-03-31 2026-01-01; do
	cw a councils --json --as-of $day >"$WORK/councils.$day" || fail "councils as of $day"
done
"$PYTHON" "$CW_SOURCE/tests/scenario/history_check.py" "$WORK" || fail "the programs and the independent reading differ"
passed "alerts, evidence, quarantine and levels agree with the independent reading"

final_state a "$WORK/once" || fail "reading the state"
say "importing everything again"
import_all a
[ "$(grep -c 'imported before' "$WORK/a/import.log")" -eq 57 ] || fail "not all were known from before: $(tail -n 2 "$WORK/a/import.log")"
cw a alerts --json >"$WORK/alerts.again"
final_state a "$WORK/twice" || fail "reading the state"
same "$WORK/alerts" "$WORK/alerts.again" "importing everything twice raises no alert"
same "$WORK/once" "$WORK/twice" "importing everything twice changes nothing"
cw a status >/dev/null || fail "status is not healthy: $(cw a status | tail -n 3)"
stop a

start a
cw a alerts --json >"$WORK/alerts.restart"
final_state a "$WORK/restart" || fail "reading the state"
same "$WORK/alerts" "$WORK/alerts.restart" "a restart raises no alert"
same "$WORK/once" "$WORK/restart" "a restart changes nothing"
stop a

for seed in 1 2; do
	instance b$seed 'fetching = false' 'lineage_file = ""' "normalisers = $((seed * 2 - 1))"
	start b$seed
	say "importing everything shuffled (seed $seed)"
	import_all b$seed $seed
	final_state b$seed "$WORK/shuffled$seed" || fail "reading the state"
	same "$WORK/once" "$WORK/shuffled$seed" "order does not matter (seed $seed, $((seed * 2 - 1)) normalisers)"
	stop b$seed
done

# A page that goes back to what it showed long ago: no older inspection supersedes a newer one.
start a
cw a councils --json --as-of 2025-04-02 | grep -v '"as_of"' >"$WORK/before"
cw a import --feed ofsted-ilacs-summary --fetched-at 2025-04-01T09:00:00Z "$DATA/ilacs/2023-08-17T134859Z_ilacs.html" >"$WORK/a/back.log" ||
	fail "importing an old page again: $(cat "$WORK/a/back.log")"
cw a councils --json --as-of 2025-04-02 | grep -v '"as_of"' >"$WORK/after"
same "$WORK/before" "$WORK/after" "a page that goes back to older inspections changes no level"
cw a alerts --json | grep -q '"time":"2025-04-01' && fail "a page that goes back raised an alert: $(cw a alerts --json | grep '"time":"2025-04-01' | head -n 1)"
passed "and raises no alert"
stop a

# All at once, so that documents overtake each other on two workers.
instance m 'fetching = false' 'lineage_file = ""'
start m
cw m import --feed ofsted-ilacs-summary --manifest "$DATA/ilacs/MANIFEST.csv" >"$WORK/m/import.log" 2>&1 &
first=$!
cw m import --feed area-send-summary --manifest "$DATA/send/MANIFEST.csv" >>"$WORK/m/import.log" 2>&1 || fail "import in bulk"
wait $first || fail "import in bulk"
final_state m "$WORK/bulk" || fail "reading the state"
same "$WORK/once" "$WORK/bulk" "two imports in bulk side by side end in the same state"
stop m
