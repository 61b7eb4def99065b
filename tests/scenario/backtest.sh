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

# A history made up so that every answer can be told by hand: a fall, a direction, two successors, a window that ends too late.
instance s 'fetching = false'
start s
"$PYTHON" - >"$WORK/made.ndjson" <<'PY'
import json
def say(kind, council, visit, published, **values):
    print(json.dumps({"kind": kind, "council_id": council, "event_date": visit, "published_at": published + "T00:00:00Z", "publisher": "Ofsted",
                      "tier": "A", "title": "made up", "values": values}))
say("ilacs", "leeds", "2017-12-01", "2018-01-10", overall_effectiveness="good")
say("ilacs", "leeds", "2020-01-20", "2020-03-10", overall_effectiveness="inadequate")
say("ilacs", "kent", "2017-12-01", "2018-01-10", overall_effectiveness="requires_improvement")
say("ilacs", "kent", "2020-04-01", "2020-06-01", overall_effectiveness="good")
say("signal", "kent", "2019-06-15", "2019-06-15", signal="statutory_direction", status="open", criterion="ofsted")
say("ilacs", "bournemouth", "2018-03-01", "2018-05-01", overall_effectiveness="requires_improvement")
say("ilacs", "bournemouth-christchurch-and-poole", "2021-12-06", "2022-02-11", overall_effectiveness="inadequate")
say("ilacs", "northamptonshire", "2019-06-01", "2019-07-29", overall_effectiveness="inadequate")
say("ilacs", "north-northamptonshire", "2022-10-03", "2022-11-25", overall_effectiveness="inadequate")
PY
cw s import --feed evidence "$WORK/made.ndjson" >"$WORK/s/import.log" || fail "importing the history that is made up"
stop s
cw s backtest --from 2019-01-01 --to 2020-12-31 --label all --json >"$WORK/made.json" || fail "backtest of the history that is made up"
cw s backtest --from 2019-01-01 --to 2022-12-31 --json >"$WORK/later.json" || fail "backtest of the history that is made up, to 2022"
"$PYTHON" - "$WORK" <<'PY' || fail "the history that is made up comes out otherwise"
import json, sys
made, later = (json.load(open(f"{sys.argv[1]}/{name}.json")) for name in ("made", "later"))
labels = {answer["label"]: answer for answer in made["labels"]}
def equal(ours, theirs):
    assert ours == theirs, f"{theirs} instead of {ours}"
# Leeds, the first of January 2019 to that of March 2020: the report comes within 18 months. Kent, inspected in June 2020, in the
# months from December 2018 on to May 2020, and a council found inadequate is so already.
equal({"positive": 15, "negative": 17}, {k: labels["inadequate"]["council_months"][k] for k in ("positive", "negative")})
equal([("leeds", "2020-03-10", "2020-01-20", "good", "inadequate", True, "routine"), ("kent", "2020-06-01", "2020-04-01", "requires_improvement", "good", False, "intensive")],
      [(e["council_id"], e["published"], e["visit"], e["before"], e["found"], e["positive"], e["level_before_visit"]) for e in labels["inadequate"]["events"]])
# The direction of 15 June 2019: foreseeable on six days of the grid, standing on eighteen. Until June 2019 a window of 18 months ends in time.
months = labels["intervention"]["council_months"]
equal((6, 18), (months["positive"], months["already"]))
equal([("kent", "2019-06-15", "watch", "2018-01-10")],
      [(e["council_id"], e["published"], e["level_before_publication"], e["watch_since"]) for e in labels["intervention"]["events"]])
lead = {m["level"]: m["lead"] for m in labels["intervention"]["measures"]}
equal((1, 521, 0), (lead["watch"]["flagged"], lead["watch"]["median_days_before_publication"], lead["priority"]["flagged"]))
# Who takes over from a council that required improvement can become newly inadequate; who takes over from one that was inadequate cannot.
events = {e["council_id"]: e for e in later["labels"][0]["events"]}
equal(("requires_improvement", True), (events["bournemouth-christchurch-and-poole"]["before"], events["bournemouth-christchurch-and-poole"]["positive"]))
assert "north-northamptonshire" not in events
equal(1, later["labels"][0]["left_out"]["already"])
PY
passed "a history that is made up comes out as told by hand"
