#!/bin/bash
# The worked examples of the risk model, as statements that a person has classified: through the real programs they come to what the
# model's specification says and to what a second calculation of it says, to the tenth of a point and to the day.
. "$(dirname "$0")/lib.sh"
export PYTHONPATH=$PYTHONPATH:$CW_SOURCE/tests/support

instance s 'fetching = false' "lineage_file = \"$CW_SOURCE/config/lineage.csv\""
start s
"$PYTHON" "$CW_SOURCE/tests/scenario/worked_examples.py" make >"$WORK/signals.ndjson" || fail "making them"
cw s import --feed evidence "$WORK/signals.ndjson" >"$WORK/s/import.log" || fail "importing signals: $(cat "$WORK/s/import.log")"
cw s alerts --json >"$WORK/s.alerts"
"$PYTHON" "$CW_SOURCE/tests/scenario/worked_examples.py" check "$(conf s)" "$WORK/s.alerts" || fail "the worked examples come out otherwise"
passed "signals classified by hand give the worked examples, to the tenth of a point and to the day"
stop s
