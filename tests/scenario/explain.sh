#!/bin/bash
# What "explain" shows adds up by itself, for every council of real history; what it says would lower a level does; and no program says
# anything that sounds like a verdict.
. "$(dirname "$0")/lib.sh"
export PYTHONPATH=$PYTHONPATH:$CW_SOURCE/tests/support
check() { "$PYTHON" "$CW_SOURCE/tests/scenario/explain_check.py" "$1" "$(conf a)" "${@:2}"; }

instance a 'fetching = false'
start a
"$CW_SOURCE/script/import-data" -c "$(conf a)" --json "$DATA/sources" >"$WORK/imported.json" 2>"$WORK/a/import.log" ||
	fail "importing $DATA/sources: $(tail -n 3 "$WORK/a/import.log")"
cw a import --feed ofsted-ilacs-summary --manifest "$DATA/ilacs/MANIFEST.csv" >>"$WORK/a/import.log" 2>&1 || fail "importing inspections"
cw a import --feed area-send-summary --manifest "$DATA/send/MANIFEST.csv" >>"$WORK/a/import.log" 2>&1 || fail "importing SEND inspections"
"$PYTHON" "$CW_SOURCE/tests/scenario/worked_examples.py" make >"$WORK/worked.ndjson" || fail "the worked examples"
cw a import --feed evidence "$WORK/worked.ndjson" >>"$WORK/a/import.log" 2>&1 || fail "importing the worked examples"

worked=()
for council in sefton tower-hamlets birmingham swindon; do
	for day in 2016-03-01 2019-08-13 2021-07-02 2022-05-10 2023-09-12 2025-10-20; do worked+=("$council@$day"); done
done
worked+=(sefton@2026-02-01 swindon@2020-02-01)
for day in 2018-02-03 2018-05-11 2018-11-13 2018-12-01 2019-07-30; do worked+=("northamptonshire@$day"); done
check sum @2019-09-01 @2024-12-31 "${worked[@]}" >"$WORK/sums" || fail "explain does not add up: $(cat "$WORK/sums")"
passed "the sum can be done again from the parts: $(tail -n 1 "$WORK/sums")"

check language 2024-12-31 >"$WORK/language" || fail "words that are a verdict: $(cat "$WORK/language")"
passed "no verdict in $(tail -n 1 "$WORK/language")"

# Narrow terminals, and the short version.
COLUMNS=80 cw a explain halton --as-of 2024-12-31 --brief >"$WORK/brief" || fail "explain --brief"
[ "$(awk 'length > 80' "$WORK/brief" | wc -l)" -eq 0 ] || fail "lines are longer than the terminal: $(awk 'length > 80' "$WORK/brief" | head -n 3)"
for words in "Level: intensive, since 2024-07-" "contact within 2 working" "flag for a conversation" "What would lower it:" \
	"If the next full inspection of children's services" "What is not known:" "context, not scored"; do
	grep -q "$words" "$WORK/brief" || fail "the short version does not say '$words': $(cat "$WORK/brief")"
done
grep -q "sha256:" "$WORK/brief" && fail "the short version goes into the evidence"
passed "the short version is what to say"

# All the captures are of before that day.
cw a explain halton --as-of 2025-05-01 --json >"$WORK/before" || fail "explain"
check events 2025-05-01 "$WORK/events.ndjson" >"$WORK/events" || fail "what would lower levels: $(cat "$WORK/events")"
cw a import --feed evidence "$WORK/events.ndjson" >>"$WORK/a/import.log" 2>&1 || fail "importing what was foretold"
check came "$WORK/events.ndjson" >"$WORK/came" || fail "it did not come as foretold: $(cat "$WORK/came")"
passed "what was said to lower a level does: $(cat "$WORK/events"), $(cat "$WORK/came")"
cw a explain halton --as-of 2025-05-01 --json >"$WORK/after" || fail "explain"
same "$WORK/before" "$WORK/after" "what came later changes nothing of the day before"
stop a
