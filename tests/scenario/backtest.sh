#!/bin/bash
# "backtest" on the real history that the repository carries (tests/data/history): every number against a calculation of its own, the
# alerts against those of an installation that learnt each thing on the day on which it was published, and what it refuses.
. "$(dirname "$0")/lib.sh"

COUNCILWATCH=$CW_BIN/councilwatch
CONF=$WORK/a/councilwatch.conf
SPAN=(--from 2019-08-01 --to 2024-12-31)
backtest() { "$COUNCILWATCH" -c "$CONF" backtest "${SPAN[@]}" "$@"; }

say "bringing in the history"
"$CW_SOURCE/script/backtest" --state "$WORK/a" --list >"$WORK/list" 2>"$WORK/errors" || fail "script/backtest: $(cat "$WORK/errors")"
[ -s "$WORK/errors" ] && fail "script/backtest complains: $(head -n 3 "$WORK/errors")"
backtest --label all --csv >"$WORK/csv" || fail "backtest --csv"
backtest --label all --json >"$WORK/json" || fail "backtest --json"
"$PYTHON" "$CW_SOURCE/tests/scenario/backtest_check.py" "$WORK" "$COUNCILWATCH" "$CONF" || fail "the program and the independent calculation differ"
passed "inspections, outcomes, lists, shares, intervals, chances and lead times agree with an independent calculation"

"$PYTHON" "$CW_SOURCE/tests/scenario/backtest_alerts.py" "$WORK" "$COUNCILWATCH" || fail "alerts by week differ"
passed "alerts of every week are those of an installation that was there"

# What is published later changes nothing about an earlier month.
"$COUNCILWATCH" -c "$CONF" backtest --from 2019-08-01 --to 2022-06-30 --csv | tail -n +2 | cut -d, -f2-10 >"$WORK/early"
backtest --csv | tail -n +2 | awk -F, '$2 < "2022-07"' | cut -d, -f2-10 >"$WORK/early.of.all"
same "$WORK/early" "$WORK/early.of.all" "an earlier end changes nothing that was known before it"

# Without a source: what is known of each month is what is known without it, and what came of it is the same.
backtest --without area-send-2016 --csv | cut -d, -f1-3,11 >"$WORK/without"
backtest --csv | cut -d, -f1-3,11 >"$WORK/with"
same "$WORK/with" "$WORK/without" "what came of it is read with all sources"
backtest --without area-send-2016 --json >"$WORK/without.json"
backtest --without area-send-2016 --csv >"$WORK/without.csv"
backtest --csv >"$WORK/with.csv"
"$PYTHON" - "$WORK" <<'PY' || fail "the levels that a source changes are counted otherwise"
import csv, json, sys
work = sys.argv[1]
told = json.load(open(work + "/without.json"))["stability"]
order = ["routine", "watch", "priority", "intensive"]
def levels(name):
    with open(f"{work}/{name}.csv", newline="") as file:
        return {(r["month"], r["council_id"]): order.index(r["level"]) for r in csv.DictReader(file)}
a, b = levels("with"), levels("without")
last = max(month for month, _ in a)
changed = [key for key in a if a[key] != b[key]]
assert changed, "the source changes nothing: no test"
assert told["council_months"] == len(a) and told["changed"] == len(changed), (told, len(a), len(changed))
assert told["higher"] == sum(b[k] > a[k] for k in changed) and told["lower"] == sum(b[k] < a[k] for k in changed)
assert told["councils_changed"] == len({council for _, council in changed})
assert told["changed_on_last_day"] == sum(month == last for month, _ in changed)
PY
passed "the levels that leaving a source out changes"

refused() {
	local status=$1 text=$2
	shift 2
	"$COUNCILWATCH" -c "$CONF" backtest "$@" >"$WORK/out" 2>"$WORK/refused"
	[ $? -eq "$status" ] || fail "backtest $*: not status $status"
	grep -qF -- "$text" "$WORK/refused" || fail "backtest $*: $(cat "$WORK/refused")"
}
refused 2 "'nonsense' is not known; one of inadequate" --label nonsense
refused 2 'region or type' --by party
refused 2 'flags everybody' --level routine
refused 2 '--window takes a whole number' --window 0
refused 2 '--from is after --to' --from 2024-01-01 --to 2023-01-01
refused 1 "nothing of 'nobody' is stored" --without nobody
passed "what it refuses says what is wrong"

instance e 'fetching = false'
start e
stop e
cw e backtest >"$WORK/out" 2>"$WORK/refused"
[ $? -eq 1 ] && grep -q 'no full inspection is stored' "$WORK/refused" || fail "without a history: $(cat "$WORK/refused")"
passed "without a history it says so"
