#!/bin/bash
# What people rule, with the real programs: an event is rejected and comes back, a finding is handled, one of two sources is right;
# names are found or refused with what there is; what lacks an author, a reason or an end comes in by no way; a past day is as it was.
. "$(dirname "$0")/lib.sh"
instance a 'fetching = false'
start a
TODAY=$(date -u +%F)
day() { date -u -d "$TODAY + $1 days" +%F; }
said() { grep -q -- "$1" "$WORK/err" || fail "$2 says: $(cat "$WORK/err")"; }
rule() { cw a override "$@" --author "regional adviser" --reason "Seen on a visit." >"$WORK/out" 2>"$WORK/err"; }
refused() { # STATUS WORDS WHAT COMMAND…
	local status=$1 words=$2 what=$3
	shift 3
	"$@" >"$WORK/out" 2>"$WORK/err"
	[ $? -eq "$status" ] || fail "$what: status is not $status: $(cat "$WORK/out" "$WORK/err")"
	said "$words" "$what"
}
object() { # COUNCIL DAY KIND VALUES [PUBLISHER]
	printf '{"kind":"%s","council_id":"%s","event_date":"%s","published_at":"%sT00:00:00Z","fetched_at":"%sT00:00:00Z","publisher":"%s","tier":"A","url":"https://example.org/%s/%s","values":{%s}}\n' \
		"$3" "$1" "$2" "$2" "$2" "${5:-Ofsted}" "$1" "$3-$RANDOM$RANDOM" "$4"
}
# ask COUNCIL EXPRESSION: of what explain says (x) in JSON
ask() { cw a explain "$1" --json ${3:+--as-of "$3"} >"$WORK/x" 2>"$WORK/err" || fail "explain $1: $(cat "$WORK/err")"; "$PYTHON" -c '
import json, sys
x = json.load(open(sys.argv[1]))
c = {c["signal"]: c for c in x["contributors"]}
print(eval(sys.argv[2]))' "$WORK/x" "$2"; }
is() { # WHAT WANTED COUNCIL EXPRESSION [DAY]
	local got
	got=$(ask "$3" "$4" "${5:-}") || exit 1
	[ "$got" = "$2" ] || fail "$1: $4 is $got, not $2"
}

{
	object leeds "$(day -100)" ilacs '"overall_effectiveness":"requires_improvement"'
	object leeds "$(day -10)" signal '"signal":"s114_notice","status":"occurred"'
	object leeds "$(day -9)" signal '"signal":"court_systemic_criticism","status":"occurred"'
	object leeds "$(day -8)" signal '"signal":"apa_open","status":"open"'
	object bury "$(day -50)" ilacs '"overall_effectiveness":"good"'
	object bury "$(day -49)" ilacs '"overall_effectiveness":"inadequate"' "Department for Education"
} >"$WORK/history"
cw a import --feed evidence "$WORK/history" >/dev/null || fail "importing"
is "before any ruling" priority leeds 'x["level"]'
before=$(ask leeds 'x["points"]')

# An event, by the name that explain shows.
name=$(ask leeds 'c["s114_notice"]["event"]')
[ "$name" = "s114_notice/specific/$(day -10)" ] || fail "the event is called $name"
rule leeds --event "$name" --expires "$(day 30)" --sensitivity dfe_shareable || fail "rejecting an event: $(cat "$WORK/err")"
is "a rejected event" 0.0 leeds 'c["s114_notice"]["points"]'
is "who rejects" "('regional adviser', '$(day 30)', 'dfe_shareable', 'event', 'in_force')" leeds 'tuple(c["s114_notice"]["rejected"][k] for k in ("author", "until", "sensitivity", "scope", "state"))'
[ "$before" != "$(ask leeds 'x["points"]')" ] || fail "the points are what they were"
is "the model without rulings" priority leeds 'x["model_level"]'
is "a past day" 0 leeds 'len(x["rulings"])' "$(day -1)"
rule leeds --event court --expires "$(day 30)" && fail "a name that is none was taken"
said "nothing is called 'court'" "a wrong name"
said "court_systemic_criticism/specific/$(day -9)" "a wrong name"
refused 2 "did you mean 's114_notice/specific" "a near name" rule leeds --event "s114_notise/specific/$(day -10)" --expires "$(day 30)"
id=$(cw a evidence leeds --json | "$PYTHON" -c 'import json, sys; print(*(e["id"] for e in map(json.loads, sys.stdin) if e["values"].get("signal") == "court_systemic_criticism"))')
rule leeds --event "${id:0:8}" --expires "$(day 40)" || fail "by the beginning of an id: $(cat "$WORK/err")"
is "named by its evidence" 0.0 leeds 'c["court_systemic_criticism"]["points"]'
is "both are in force" 2 leeds 'sum(r["state"] == "in_force" for r in x["rulings"])'
passed "an event is rejected by its name, its signal or its evidence, and what is none is refused with what there is"

# A floor stays, rejected or handled.
is "the floor before" priority leeds 'x["floor_level"]'
rule leeds --scope floor --event apa_open --expires "$(day 20)" || fail "a floor by its signal alone: $(cat "$WORK/err")"
is "handled" "('regional adviser', '$(day 20)', 'Seen on a visit.')" leeds 'tuple(c["apa_open"]["handled"][k] for k in ("author", "until", "reason"))'
is "a handled floor stays" "('priority', 30.0)" leeds '(x["floor_level"], c["apa_open"]["points"])'
rule leeds --event apa_open --expires "$(day 20)" || fail "rejecting a finding: $(cat "$WORK/err")"
is "a rejected finding keeps its floor" "('priority', 0.0)" leeds '(x["floor_level"], c["apa_open"]["points"])'
refused 2 "nothing is called 's114_notice'" "a floor of what has none" rule leeds --scope floor --event s114_notice --expires "$(day 20)"
cw a councils --json | grep -q '"rulings":\[{"id"' || fail "councils does not show rulings"
cw a councils | grep -q 'area for priority action.* handled by regional adviser' || fail "councils does not say who handles what: $(cw a councils | tail -n 12)"
cw a councils --csv | grep -q '^leeds,.*area for priority action.*handled by regional adviser until' || fail "the CSV has no rulings"
cw a explain leeds >"$WORK/out"
for words in "event apa_open/ofsted/$(day -8)" "rejected by regional adviser until $(day 20): Seen on a visit" "may be shared with DfE" "override leeds --event "; do
	grep -q -- "$words" "$WORK/out" || fail "explain does not say '$words': $(cat "$WORK/out")"
done
passed "a formal floor stays when its event is rejected or handled, and who handles it is shown"

# Who is right.
is "the more adverse is heard" intensive bury 'x["level"]'
is "they differ" "(1, None)" bury '(len(x["conflicts"]), x["conflicts"][0]["settled"])'
refused 2 "none of those that differ" "a source that said nothing" rule bury --source Somebody --expires "$(day 20)"
said "Department for Education" "a source that said nothing"
rule bury --source ofsted --expires "$(day 20)" || fail "saying who is right: $(cat "$WORK/err")"
is "the finding goes, not the council out of view" "('priority', 'routine', 'intensive')" bury '(x["level"], x["floor_level"], x["model_level"])'
is "it is settled" "('Ofsted', 'regional adviser')" bury '(x["conflicts"][0]["settled"]["source"], x["conflicts"][0]["settled"]["author"])'
cw a alerts --json | grep -q '"kind":"floor_closed".*is right, as ruled by regional adviser' || fail "that the finding closed by a ruling is not told"
cw a alerts --json | grep '"kind":"floor_closed"' | grep -q '"sensitivity":"internal"' || fail "the alert does not say that it is internal"
cw a explain bury | tr -s ' \n' '  ' | grep -q "Ofsted is right, as ruled by regional adviser.*--event ilacs/$(day -49) --source" || fail "explain bury: $(cw a explain bury)"
cw a override bury --level watch --author "regional adviser" --reason "Looked into it." --expires "$(day 40)" >/dev/null 2>&1 || fail "a ruling on the level beside it"
cw a explain bury | tr -s ' \n' '  ' | grep -q "set to watch by regional adviser until $(day 40): Looked into it. The model would say intensive." || fail "explain bury: $(cw a explain bury)"
passed "a person says which source is right, and until when"

# What must be there, and what excludes each other.
refused 2 "--event is needed" "no event" rule leeds --scope event --expires "$(day 20)"
refused 2 "sets none" "a level with an event" rule leeds --event apa_open --level watch --expires "$(day 20)"
refused 2 "is about no event" "a level of an event" rule leeds --scope level --level watch --event apa_open --expires "$(day 20)"
refused 2 "whoever reports it" "a floor of a source" rule leeds --scope floor --event apa_open --source Ofsted --expires "$(day 20)"
refused 2 "$(day 90) would be 90 days" "no end" rule leeds --event apa_open
refused 2 "at most 180 days" "too long" rule leeds --event apa_open --expires "$(day 181)"
refused 2 "nothing of York" "nothing stands" rule york --event apa_open --expires "$(day 20)"
values() { object york "$TODAY" override "$1" LGA; }
{
	values '"scope":"event","event":"s114_notice/specific/2024-01-01","author":"adviser","reason":"Why."'
	values '"scope":"event","event":"s114_notice/specific/2024-01-01","author":"adviser","expires":"'"$(day 20)"'"'
	values '"scope":"event","event":"s114_notice/specific/2024-01-01","reason":"Why.","expires":"'"$(day 20)"'"'
	values '"level":"watch","author":"adviser","reason":"Why.","expires":"'"$(day 181)"'"'
	values '"scope":"floor","level":"routine","author":"adviser","reason":"Why.","expires":"'"$(day 20)"'"'
	values '"level":"watch","author":"adviser","reason":"Why.","expires":"'"$(day 180)"'"'
} >"$WORK/rulings"
cw a import --feed evidence --json "$WORK/rulings" >"$WORK/out" 2>"$WORK/err"
[ "$(cw a evidence york --json | wc -l)" -eq 1 ] || fail "of six rulings one is complete: $(cw a evidence york --json)"
cw a quarantine --json | "$PYTHON" -c '
import json, sys
details = [e["detail"] for e in json.load(sys.stdin)]
for words in ("needs a day on which it expires", "needs a reason", "needs an author", "more than 180 days", "sets no level"):
    assert any(words in d for d in details), (words, details)' || fail "the quarantine does not say why"
passed "without author, reason or end, or for more than 180 days, a ruling comes in by no way"

# Told before it ends; over, and listed; what it took away is back.
at() { object hull "$1" override "$2" LGA; }
{
	object hull 2024-01-01 ilacs '"overall_effectiveness":"requires_improvement"'
	object hull 2024-01-02 signal '"signal":"s114_notice","status":"occurred"'
	object hull 2024-01-02 signal '"signal":"dcs_change","status":"occurred"'
	at 2024-01-03 '"scope":"event","event":"s114_notice/specific/2024-01-02","author":"adviser","reason":"Of another council.","expires":"2024-04-01"'
	at 2024-01-03 '"scope":"floor","event":"ilacs_ri/ofsted/2024-01-01","author":"adviser","reason":"A plan is agreed.","expires":"2024-03-01"'
} | sed 's/"hull"/"kingston-upon-hull"/' >"$WORK/past"
cw a import --feed evidence "$WORK/past" >/dev/null || fail "importing the past"
HULL=kingston-upon-hull
is "in force then" "['event', 'floor']" $HULL 'sorted(r["scope"] for r in x["rulings"] if r["state"] == "in_force")' 2024-02-01
is "rejected on its last day" 0.0 $HULL 'c["s114_notice"]["points"]' 2024-04-01
is "back the day after" True $HULL 'c["s114_notice"]["points"] > 20' 2024-04-02
is "handled on its last day" True $HULL '"handled" in c["ilacs_ri"]' 2024-03-01
is "not handled the day after" False $HULL '"handled" in c["ilacs_ri"]' 2024-03-02
is "expired, never deleted" "['expired', 'expired']" $HULL '[r["state"] for r in x["rulings"]]'
cw a alerts --json | "$PYTHON" -c '
import json, sys
told = [(a["time"][:10], a["data"]["ruling"]["scope"]) for a in map(json.loads, sys.stdin) if a["data"]["kind"] == "override_expiring" and a["subject"] == "kingston-upon-hull"]
assert sorted(told) == [("2024-02-16", "floor"), ("2024-03-18", "event")], told' || fail "their ends are not told two weeks before"
passed "a ruling is told before it ends, then ignored and listed; a past day is as it was"
stop a
