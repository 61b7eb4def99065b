#!/bin/bash
# Real editions of every kind of table, in excerpts, through the shipped feeds: what each gives, row for row, and what stands out in
# them, against an independent reading of the same files (sources_check.py).
. "$(dirname "$0")/lib.sh"

SOURCES=$DATA/sources
instance a 'fetching = false'
start a
"$CW_SOURCE/script/import-data" -c "$(conf a)" --json "$SOURCES" >"$WORK/imported.json" 2>"$WORK/a/import.log" ||
	fail "importing $SOURCES: $(tail -n 3 "$WORK/a/import.log")"
cw a evidence --json >"$WORK/evidence" || fail "evidence"
cw a quarantine --json >"$WORK/quarantine" || fail "quarantine"
"$PYTHON" "$CW_SOURCE/tests/scenario/sources_check.py" "$SOURCES" "$WORK" || fail "the feeds and the independent reading differ"
passed "what each feed gives is what its table says ($(grep -vc '^#' "$SOURCES/EXPECTED.tsv") feeds)"

# A revised release: nothing is left of what stood out in the one before, and a release read twice changes nothing.
cw a evidence --json | sort >"$WORK/before"
"$CW_SOURCE/script/import-data" -c "$(conf a)" --json "$SOURCES" >"$WORK/again.json" 2>>"$WORK/a/import.log" || fail "importing again"
cw a evidence --json | sort >"$WORK/after"
same "$WORK/before" "$WORK/after" "importing everything twice changes nothing"
cw a explain bradford --as-of 2025-03-02 >"$WORK/explain" || fail "explain"
grep -q 'workforce_outlier' "$WORK/explain" || fail "Bradford's agency rate of 2024 does not stand out: $(cat "$WORK/explain")"
grep -q 'where the worst 10%' "$WORK/explain" || fail "the arithmetic is not shown: $(grep -A6 workforce_outlier "$WORK/explain")"
passed "explain shows the arithmetic of what stands out"
[ "$(grep -c 'known since 2025-03-01' "$WORK/explain")" -ge 1 ] || fail "the newest release does not speak: $(cat "$WORK/explain")"
passed "the newest release replaces those before"
stop a
