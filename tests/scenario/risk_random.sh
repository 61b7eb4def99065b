#!/bin/bash
# Random histories of many councils, as statements of the evidence feed, through the real programs; levels, points, knowledge and alerts
# on many days against a second calculation of the model (tests/support/risk_oracle.py). Another seed: CW_SEED=7; more of them, one
# after another: CW_SEEDS=20.
. "$(dirname "$0")/lib.sh"
export PYTHONPATH=$PYTHONPATH:$CW_SOURCE/tests/support

first=${CW_SEED:-4}
for ((seed = first; seed < first + ${CW_SEEDS:-1}; seed++)); do
	say "seed $seed"
	instance "s$seed" 'fetching = false' "lineage_file = \"$CW_SOURCE/config/lineage.csv\""
	start "s$seed"
	"$PYTHON" "$CW_SOURCE/tests/scenario/risk_random.py" make "$seed" >"$WORK/$seed.ndjson" || fail "making histories"
	cw "s$seed" import --feed evidence "$WORK/$seed.ndjson" >"$WORK/s$seed/import.log" || fail "importing: $(cat "$WORK/s$seed/import.log")"
	cw "s$seed" quarantine --json >"$WORK/quarantine" || fail "quarantine"
	[ "$(cat "$WORK/quarantine")" = "[]" ] || fail "something is set aside: $(head -c 600 "$WORK/quarantine")"
	cw "s$seed" alerts --json >"$WORK/$seed.alerts" || fail "alerts"
	"$PYTHON" "$CW_SOURCE/tests/scenario/risk_random.py" check "$WORK/$seed.ndjson" "$(conf "s$seed")" "$WORK/$seed.alerts" ||
		fail "the programs and the second calculation differ (CW_SEED=$seed)"
	passed "the programs and the second calculation agree (seed $seed)"
	stop "s$seed"
done
