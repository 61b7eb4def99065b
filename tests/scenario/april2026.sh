#!/bin/bash
# Inspections from April 2026, which have no overall grade, and pages that are odder than any seen so far. The pages are made here, in the
# form of the real ones.
. "$(dirname "$0")/lib.sh"

"$PYTHON" "$CW_SOURCE/tests/scenario/april2026_pages.py" "$WORK/pages" || fail "making the pages"
# Reorganisations are another matter: the independent reading of the pages knows nothing of them.
instance a 'fetching = false' 'lineage_file = ""'
start a
import() { cw a import --json --feed "$1" --fetched-at "$2" "$WORK/pages/$3" >"$WORK/$3.json" 2>"$WORK/$3.err"; }
value() { "$PYTHON" -c 'import json, sys
document = json.load(open(sys.argv[1]))["documents"][0]
print(eval(sys.argv[2], {}, document))' "$WORK/$1.json" "$2"; }
# expect FILE EXPRESSION VALUE
expect() { [ "$(value "$1" "$2")" = "$3" ] || fail "$1: $2 is $(value "$1" "$2"), not $3: $(cat "$WORK/$1.json")"; }

import ofsted-ilacs-summary 2026-06-17T09:30:00Z ilacs-1.html || fail "import: $(cat "$WORK/ilacs-1.html.err")"
import ofsted-ilacs-summary 2026-06-24T09:30:00Z ilacs-2.html || fail "import: $(cat "$WORK/ilacs-2.html.err")"
cw a evidence --json >"$WORK/evidence"
cw a alerts --json >"$WORK/alerts"
cw a quarantine --json >"$WORK/quarantine"
for day in 2026-06-17 2026-06-24 2026-08-30 2027-07-30 2030-01-01; do
	cw a councils --json --as-of $day >"$WORK/councils.$day" || fail "councils"
done
"$PYTHON" "$CW_SOURCE/tests/scenario/april2026_check.py" "$WORK" || fail "the programs and the independent reading differ"
passed "every combination of judgements without an overall grade gives the right headline, level and alert"
cw a explain leeds --json --as-of 2026-06-18 >"$WORK/explain.json"
"$PYTHON" - "$WORK/explain.json" <<'PY' || fail "explain does not say that the headline is derived: $(cw a explain leeds --as-of 2026-06-18)"
import json, sys
e = json.load(open(sys.argv[1]))
found = [c for c in e["contributors"] if c["signal"].startswith("ilacs_")]
values = [v["values"] for c in found for v in c["evidence"]]
sys.exit(0 if found and all(c["derived"] for c in found) and all("overall_effectiveness" not in v and v["derived_headline"] for v in values) else 1)
PY
cw a explain leeds --as-of 2026-06-18 | grep -qi 'derived' || fail "explain for people does not say that the headline is derived"
passed "explain says that the headline is derived, and nobody says that Ofsted gave it"

# Odd pages of the other table: other order, other case, more columns, decimals, dates of every kind.
before=$(cw a alerts --json | wc -l)
import area-send-summary 2026-06-29T10:00:00Z send-odd.html
expect send-odd.html outcome parsed
cw a evidence --json --kind area_send >"$WORK/send.evidence"
cw a quarantine --json >"$WORK/send.quarantine"
cw a alerts --json --since "$before" >"$WORK/send.alerts"
"$PYTHON" "$CW_SOURCE/tests/scenario/april2026_check.py" "$WORK" send || fail "the odd page was read otherwise"
passed "decimals, other headings' case and order, more columns and empty dates are read; the rest is in quarantine with its reason"
grep -q '"kind":"identity_unresolved"' "$WORK/send.alerts" || fail "no identity_unresolved for a council that no table knows: $(cat "$WORK/send.alerts")"
told=$(cw a alerts --json --kind identity_unresolved | wc -l)
[ "$told" -le 2 ] || fail "$told times identity_unresolved for two councils: $(cw a alerts --kind identity_unresolved)"
import area-send-summary 2026-06-30T10:00:00Z send-odd.html
[ "$(cw a alerts --json --kind identity_unresolved | wc -l)" -eq "$told" ] || fail "the same unresolved council is told every day"
passed "a council that no table knows is told once"

# Pages that are no table, or an empty one: not a calm day but a failure.
final_state a "$WORK/before" || fail "reading the state"
for case in error-page.html:missing_column empty-table.html:no_rows empty.html:unparsable other-table.html:missing_column; do
	file=${case%%:*}
	import ofsted-ilacs-summary 2026-07-01T10:00:00Z "$file" && fail "$file was imported as if nothing was wrong"
	[ "$(value "$file" outcome)" != parsed ] || fail "$file counts as parsed"
	say "$file: $(value "$file" outcome): $(value "$file" detail)"
done
expect empty-table.html outcome no_rows
cw a quarantine --json >"$WORK/quarantine.after"
for file in error-page.html empty-table.html other-table.html; do
	grep -q "\"$(value $file outcome)\"" "$WORK/quarantine.after" || fail "$file is not in quarantine"
done
final_state a "$WORK/after" || fail "reading the state"
sed -n '1,/^quarantine/p' "$WORK/before" >"$WORK/before.levels"
sed -n '1,/^quarantine/p' "$WORK/after" >"$WORK/after.levels"
same "$WORK/before.levels" "$WORK/after.levels" "a page without a usable table changes no level, and is in quarantine"
stop a
