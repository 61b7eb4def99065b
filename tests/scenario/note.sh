#!/bin/bash
# Internal intelligence: notes and rulings, by command, submission and folder: what they must have, what is refused and told how to be
# mended, that nothing of a person is kept in the reasons, and what they do to a council's level.
. "$(dirname "$0")/lib.sh"
instance a 'fetching = false'
start a
TODAY=$(date -u +%F)
day() { date -u -d "$TODAY + $1 days" +%F; }
note() { cw a note "$@" >"$WORK/out" 2>"$WORK/err"; }
override() { cw a override "$@" >"$WORK/out" 2>"$WORK/err"; }
said() { grep -q -- "$1" "$WORK/err" || fail "$2 says: $(cat "$WORK/err")"; }
level() { cw a councils --json | "$PYTHON" -c "import json, sys; print(*(c['level'] for c in json.load(sys.stdin) if c['council_id'] == '$1'))"; }
ADVISER="children's improvement adviser"

note "St. Helens" --severity high --author "$ADVISER" --criterion specific --sensitivity dfe_shareable --expires "$(day 60)" "Placement sufficiency is the council's main concern." ||
	fail "a note: $(cat "$WORK/err")"
id=$(cat "$WORK/out")
[[ $id =~ ^[0-9a-f]{32}$ ]] || fail "a note prints '$id'"
cw a evidence st-helens --json | "$PYTHON" -c '
import json, sys
id, today, expires = sys.argv[1:]
(e,) = [json.loads(line) for line in sys.stdin]
want = {"severity": "high", "author": "children\u0027s improvement adviser", "criterion": "specific", "sensitivity": "dfe_shareable", "expires": expires}
assert (e["id"], e["kind"], e["feed"], e["publisher"], e["tier"], e["event_date"]) == (id, "internal_note", "notes", "LGA", "A", today), e
assert e["values"] == want and e["quote"] == "Placement sufficiency is the council\u0027s main concern.", e' "$id" "$TODAY" "$(day 60)" || fail "the note is not what was said"
[ "$(level st-helens)" = watch ] || fail "after a note of high severity the level is $(level st-helens)"
cw a alerts --json | grep -q '"imported":false' || fail "a note is taken for history"
passed "a note is one piece of evidence, and counts"

cw a --json note E09000002 --severity low --author "LGA regional adviser" "Early help offer is being cut." >"$WORK/out" || fail "a note in JSON"
"$PYTHON" -c '
import json, sys
o = json.load(open(sys.argv[1]))
assert o["council_id"] == "barking-and-dagenham" and o["expires"] == sys.argv[2] and o["receipt"].startswith("sha256:") and len(o["id"]) == 32, o' "$WORK/out" "$(day 90)" ||
	fail "a note without an expiry: $(cat "$WORK/out")"
passed "a council is found by its code; a note that says no day counts for 90"

override leeds --level intensive --expires "$(day 30)" --author "principal adviser" --reason "The improvement board asked for it." || fail "a ruling: $(cat "$WORK/err")"
[ "$(level leeds)" = intensive ] || fail "after a ruling the level is $(level leeds)"
cw a explain leeds | grep -q "$(day 30)" || fail "explain does not say until when the ruling counts"
override leeds --level routine --expires "$(day 20)" --author "principal adviser" --reason "The board has closed it." --scope level || fail "a second ruling: $(cat "$WORK/err")"
[ "$(level leeds)" != intensive ] || fail "the last ruling does not count"
passed "a ruling sets the level, and the last one counts"

refused() { # STATUS WORDS WHAT COMMAND…
	local status=$1 words=$2 what=$3
	shift 3
	cw a "$@" >"$WORK/out" 2>"$WORK/err"
	[ $? -eq "$status" ] || fail "$what: status is not $status: $(cat "$WORK/out" "$WORK/err")"
	said "$words" "$what"
}
before=$(cw a evidence --json | wc -l)
refused 2 '--author is needed' "no author" note leeds --severity low "Text."
refused 2 '--severity is needed' "no severity" note leeds --author "$ADVISER" "Text."
refused 2 "did you mean 'medium'" "a wrong severity" note leeds --author "$ADVISER" --severity mediun "Text."
refused 2 'none of ofsted' "a wrong criterion" note leeds --author "$ADVISER" --severity low --criterion weather "Text."
refused 2 'at most 180 days' "an expiry too far" note leeds --author "$ADVISER" --severity low --expires "$(day 181)" "Text."
refused 2 'is past' "an expiry that is past" note leeds --author "$ADVISER" --severity low --expires "$(day -1)" "Text."
refused 2 'the text is needed' "no text" note leeds --author "$ADVISER" --severity low " "
refused 2 '300 are the most' "a text too long" note leeds --author "$ADVISER" --severity low "$(printf 'late %.0s' {1..80})"
refused 1 "no council is called" "no such council" note Ruritania --author "$ADVISER" --severity low "Text."
refused 2 "a person's name: 'Mrs Doe'" "a name" note leeds --author "$ADVISER" --severity low "Mrs Doe has left the board."
said 'Name the role and the event' "a name"
refused 2 "initials" "initials" note leeds --author "$ADVISER" --severity low "Child K was moved eleven times."
refused 2 "telephone" "a number" note leeds --author "$ADVISER" --severity low "Ring 07700 900123."
refused 2 "health or conduct" "gossip" note leeds --author "$ADVISER" --severity low "The DCS is off sick."
refused 2 "a person's name: 'Jane Doe'" "an author who is a person" note leeds --author "Jane Doe" --severity low "Text."
refused 2 "names no role" "an author without a role" note leeds --author "me" --severity low "Text."
refused 2 'no ruling is for ever' "a ruling without an end" override leeds --level watch --author "$ADVISER" --reason "Text."
refused 2 '--reason is needed' "a ruling without a reason" override leeds --level watch --author "$ADVISER" --expires "$(day 10)"
refused 2 '--author is needed' "a ruling without an author" override leeds --level watch --reason "Text." --expires "$(day 10)"
refused 2 '--level is needed' "a ruling without a level" override leeds --author "$ADVISER" --reason "Text." --expires "$(day 10)"
refused 2 'at most 180 days' "a ruling for too long" override leeds --level watch --author "$ADVISER" --reason "Text." --expires "$(day 365)"
[ "$(cw a evidence --json | wc -l)" -eq "$before" ] || fail "what was refused was stored"
passed "what is missing, too long or about a person is refused with its mend"

# By the other ways in: the normaliser refuses the same, and keeps nothing of it in the reasons.
object() { # TEXT [AUTHOR]
	printf '{"kind":"internal_note","council_id":"bury","event_date":"%s","published_at":"%sT00:00:00Z","publisher":"LGA","tier":"A","quote":"%s","values":{"severity":"low","author":"%s","expires":"%s"}}\n' \
		"$TODAY" "$TODAY" "$1" "${2:-LGA adviser}" "$(day 30)"
}
{ object "Cllr Bloggs-Doe has resigned."; object "Family support is stretched."; object "Nothing new." "Jane Bloggs"; } >"$WORK/notes.json"
cw a submit --feed notes --wait --json "$WORK/notes.json" >"$WORK/out" || fail "submitting notes: $(cat "$WORK/out")"
grep -q '"personal_data": *2' "$WORK/out" && grep -q '"evidence": *1' "$WORK/out" || fail "submitting notes: $(cat "$WORK/out")"
{ object "Dr Bloggs wrote to us."; object "Contact centre waits are long."; } >"$WORK/a/state/drop/notes/two.json"
taken() { [ -e "$WORK/a/state/drop/notes/done/two.json" ]; }
wait_until 10 "the folder's file is taken" taken
grep -q '1 personal_data: ' "$WORK/a/state/drop/notes/done/two.json.report" || fail "the report: $(cat "$WORK/a/state/drop/notes/done/two.json.report")"
[ "$(cw a evidence bury --json | wc -l)" -eq 2 ] || fail "$(cw a evidence bury --json | wc -l) notes about bury, not 2"
cw a quarantine --json >"$WORK/out"
[ "$(grep -c '"personal_data"' "$WORK/out")" -ge 1 ] || fail "nothing is in quarantine"
grep -q 'Bloggs' "$WORK/out" && fail "the quarantine repeats the name: $(cat "$WORK/out")"
grep -qa 'Bloggs' "$WORK"/a/state/councilwatch.db* && fail "the database holds the name"
passed "submissions and folders are looked at too, and no reason repeats what it is about"

# What was noted is there after a kill, and moves to another installation as it is.
kill -KILL "$(pid_of a)"
wait "$(pid_of a)" 2>/dev/null
start a
cw a evidence --json | sort >"$WORK/one"
instance b 'fetching = false'
start b
cw b import --feed notes "$WORK/one" >/dev/null || fail "importing notes"
strip() { "$PYTHON" -c '
import json, sys
for line in sorted(json.dumps({k: v for k, v in json.loads(l).items() if k not in ("id", "document", "row", "fetched_at")}, sort_keys=True) for l in sys.stdin):
    print(line)' <"$1" >"$2"; }
cw b evidence --json | sort >"$WORK/two"
strip "$WORK/one" "$WORK/one.stripped"
strip "$WORK/two" "$WORK/two.stripped"
same "$WORK/one.stripped" "$WORK/two.stripped" "notes and rulings move to another installation as they are"
stop a
stop b
