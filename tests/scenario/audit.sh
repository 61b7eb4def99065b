#!/bin/bash
# The audit log: who noted, ruled, changed and took away what; what was done to the file is found; nobody is given data past it.
. "$(dirname "$0")/lib.sh"
instance a 'fetching = false'
start a
day() { date -u -d "now + $1 days" +%F; }
# rows [OPTION…]: the log as JSON lines, without what exports and views write.
rows() { cw a audit --json "$@"; }
# has PYTHON: a row r for which it is true, with its detail d.
has() { rows | "$PYTHON" -c "
import json, sys
for line in sys.stdin:
    r = json.loads(line); d = r['detail']
    if ($1): sys.exit(0)
sys.exit(1)"; }
count() { rows | grep -c "\"action\":\"$1\""; }
ME=$(id -un)
SECRET='Placement sufficiency is the concern.'

has "r['seq'] == 1 and r['action'] == 'config' and d['first'] and r['account'] == '$ME' and r['via'] == 'daemon' and len(r['document']) == 64" ||
	fail "the first row is $(rows | head -1)"
cw a note leeds --severity high --author "children's improvement adviser" --expires "$(day 60)" "$SECRET" >"$WORK/id" 2>/dev/null || fail "a note"
has "r['action'] == 'note' and r['council_id'] == 'leeds' and r['via'] == 'submit' and r['account'] == '$ME' and d['severity'] == 'high' and
	d['expires'] == '$(day 60)' and d['evidence'] == '$(cat "$WORK/id")' and r['feed'] == 'notes' and len(r['document']) == 64" || fail "no row for the note: $(rows)"
line='{"kind":"override","council_id":"bradford","event_date":"'$(day 0)'","published_at":"'$(day 0)'T00:00:00Z","publisher":"LGA","tier":"A","values":{"level":"priority","expires":"'$(day 9)'","author":"principal adviser","reason":"A ruling."}}'
printf '%s\n' "$line" >"$WORK/ruling.ndjson"
cw a import --feed evidence "$WORK/ruling.ndjson" >/dev/null 2>&1 || fail "an import"
has "r['action'] == 'override' and r['council_id'] == 'bradford' and r['via'] == 'control' and r['feed'] == 'evidence' and d['level'] == 'priority'" || fail "no row for an imported ruling: $(rows)"
mkdir -p "$WORK/a/state/drop/notes"
printf '%s\n' "${line/bradford/kent}" >"$WORK/a/state/drop/.ruling" && mv "$WORK/a/state/drop/.ruling" "$WORK/a/state/drop/notes/ruling.ndjson"
in_folder() { has "r['action'] == 'override' and r['council_id'] == 'kent' and r['via'] == 'folder' and r['account'] == '$ME'"; }
wait_until 10 "a ruling from the folder is told" in_folder
[ "$(count note)/$(count override)" = 1/2 ] || fail "notes and rulings: $(count note)/$(count override)"
cat "$WORK"/a/state/audit.db* | grep -qaF -e "$SECRET" -e 'A ruling.' -e 'principal adviser' && fail "the log holds what a note says or who said it"
passed "a note and rulings by submission, import and folder are told, with who handed them in, and not with what they say"

before=$(rows | wc -l)
cw a councils >/dev/null; cw a history leeds >/dev/null; cw a explain bromley >/dev/null; cw a alerts >/dev/null
[ "$(rows | wc -l)" = "$before" ] || fail "pages for people are told"
cw a explain leeds >/dev/null
has "r['action'] == 'view' and r['council_id'] == 'leeds' and d['command'] == 'explain'" || fail "a page that shows a note is not told"
cw a evidence --kind internal_note --json >/dev/null
cw a councils --csv --region London >"$WORK/out"
has "r['action'] == 'export' and d['command'] == 'evidence' and d['filters'] == {'kind': 'internal_note'}" || fail "an export is not told: $(rows)"
has "r['action'] == 'exported' and d['command'] == 'evidence' and d['rows'] == 1 and d['notes'] and d['status'] == 0" || fail "its end is not: $(rows)"
has "r['action'] == 'exported' and d['command'] == 'councils' and d['rows'] == $(($(wc -l <"$WORK/out") - 1)) and not d['notes']" || fail "rows of a CSV: $(rows)"
for command in 'councils --json' 'explain leeds --json' 'history leeds --json' 'history leeds --csv' 'alerts --json' evidence 'evidence leeds --json'; do
	before=$(count exported)
	# shellcheck disable=SC2086
	cw a $command >/dev/null || fail "$command"
	[ "$(count exported)" = $((before + 1)) ] || fail "$command is not told"
done
passed "exports are told with what was asked for and how much it was; pages for people only when they show notes"

sed -i '1i digest_from = 23' "$(conf a)"
cw a status >/dev/null; kill -HUP "$(pid_of a)"
changed() { has "r['action'] == 'config' and d['when'] == 'reload' and 'digest_from: 10 -> 23' in d['changes']"; }
wait_until 10 "a changed configuration is told" changed
sed -i '1i digest_from = 23a' "$(conf a)"
kill -HUP "$(pid_of a)"
wait_until 10 "the configuration is refused" grep -q config.refused "$WORK/a/daemon.log"
sed -i '1d' "$(conf a)"
has "r['action'] == 'config_refused' and 'digest_from' in d['mistakes']" || fail "a refused configuration is not told: $(rows | tail -1)"
before=$(rows | wc -l)
stop a; start a
[ "$(rows | wc -l)" = "$before" ] || fail "the same configuration is told again at a start"
sed -i 's/= 23/= 24/' "$(conf a)"
stop a; start a
has "r['action'] == 'config' and d['when'] == 'start' and 'digest_from: 23 -> 24' in d.get('changes', ())" || fail "a configuration changed between runs: $(rows | tail -1)"
passed "a changed configuration is told with what changed, at a reload and at a start; a refused one with why"

cw a replay --feed notes >/dev/null 2>&1 || fail "replay"
has "r['action'] == 'replay' and r['feed'] == 'notes' and r['account'] == '$ME'" || fail "replay is not told: $(rows | tail -3)"
[ "$(count note)/$(count override)" = 1/2 ] || fail "a note that is read again is told again"
printf '%s\n' "${line/bradford/nowhere-at-all}" >"$WORK/nowhere.ndjson"
cw a import --feed evidence "$WORK/nowhere.ndjson" >/dev/null 2>&1
cw a quarantine retry >/dev/null 2>&1; has "r['action'] == 'retry' and d['documents'] >= 1" || fail "retry is not told: $(rows | tail -3)"
entry=$(cw a quarantine --json | "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)[0]["id"])')
cw a quarantine drop --author 'data officer' --reason 'No council.' "$entry" >/dev/null 2>&1 || fail "drop"
has "r['action'] == 'drop' and d['entries'] == [$entry] and d['author'] == 'data officer'" || fail "drop is not told: $(rows | tail -3)"
passed "replay, retry and drop are told; what is read again is not told twice"

# The daemon dies between the commit of a note and its row: the row is written at the next start.
end "$(pid_of a)" KILL
"$PYTHON" - "$WORK/a/state" <<'PY' || fail "cannot set back what the log was told"
import sqlite3, sys
db = sqlite3.connect(sys.argv[1] + "/inbox.db")
(note,) = db.execute("SELECT id FROM document WHERE feed = 'notes' ORDER BY id LIMIT 1").fetchone()
db.execute("INSERT INTO unaudited VALUES (?)", (note,)); db.commit()
import os
os.rename(sys.argv[1] + "/audit.db", sys.argv[1] + "/kept.db")
for end in ("-wal", "-shm"):
    if os.path.exists(sys.argv[1] + "/audit.db" + end): os.rename(sys.argv[1] + "/audit.db" + end, sys.argv[1] + "/kept.db" + end)
PY
start a
has "r['action'] == 'note' and r['council_id'] == 'leeds' and r['via'] == 'submit' and r['account'] == '$ME'" || fail "a note that was not told is not told at the start: $(rows)"
stop a
for end in '' -wal -shm; do [ -f "$WORK/a/state/kept.db$end" ] && mv "$WORK/a/state/kept.db$end" "$WORK/a/state/audit.db$end"; done
passed "a note that was accepted and not told of is told of at the next start"

sql() { "$PYTHON" -c 'import sqlite3, sys
db = sqlite3.connect(sys.argv[1]); db.executescript(sys.argv[2]); db.commit()' "$WORK/a/state/audit.db" "$1" 2>"$WORK/err"; }
cw a audit --verify >"$WORK/out" || fail "the log is not whole: $(cat "$WORK/out")"
noted=$(sed -n 's/.*noted elsewhere: //p' "$WORK/out")
cw a audit --verify --noted "$noted" >/dev/null || fail "what was noted is not there"
sql "DELETE FROM audit WHERE seq = 2" && fail "a row can be removed"
grep -q "cannot be removed" "$WORK/err" || fail "$(cat "$WORK/err")"
sql "UPDATE audit SET account = 'x' WHERE seq = 2" && fail "a row can be changed"
cw a audit --verify >/dev/null || fail "a refused change changed something"
sql "DROP TRIGGER audit_no_update; UPDATE audit SET account = 'somebody' WHERE seq = 2" || fail "$(cat "$WORK/err")"
cw a audit --verify >"$WORK/out" && fail "a changed row is not found"
grep -q 'NOT whole: row 2, or the one before it, is not as it was written' "$WORK/out" || fail "$(cat "$WORK/out")"
sql "UPDATE audit SET account = '$ME' WHERE seq = 2; DROP TRIGGER audit_no_delete; DELETE FROM audit WHERE seq > 10" || fail "$(cat "$WORK/err")"
cw a audit --verify --json >"$WORK/out" && fail "removed rows are not found"
grep -q '"problem": "rows 11 to .*, the last ones, are missing"' "$WORK/out" || fail "removed rows are not found: $(cw a audit --verify)"
cw a audit --verify --noted "$noted" >/dev/null && fail "what was noted is not missed"
passed "the file refuses changes, and what was done past that is found"

if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
	instance b 'fetching = false'
	# Somebody of the group: may read, may not write.
	chmod 755 "$WORK" && mkdir -p "$WORK/b/state" && chgrp 65534 "$WORK/b/state" "$WORK/b/run" && chmod 2750 "$WORK/b/state" "$WORK/b/run"
	start b
	nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$CW_BIN/councilwatch" -c "$(conf b)" "$@" >"$WORK/out" 2>"$WORK/err"; }
	for f in "$WORK"/b/state/*.db*; do chgrp 65534 "$f"; done
	chgrp 65534 "$WORK"/b/run/control
	nobody councils --csv || fail "somebody of the group is given nothing: $(cat "$WORK/err")"
	cw b audit --json | grep '"command":"councils"' | grep '"action":"exported"' | grep -q '"uid":65534,"account":"nobody","sudo_user":"","via":"control"' ||
		fail "the daemon did not write whose export it was: $(cw b audit)"
	stop b
	# Without a daemon there is nobody who could write it; the databases' own files stay for readers.
	nobody councils --csv && fail "an export past the log"
	[ -s "$WORK/out" ] && fail "an export past the log: $(head -2 "$WORK/out")"
	grep -q 'audit log' "$WORK/err" && grep -q 'start councilwatchd' "$WORK/err" || grep -q 'cannot read the database' "$WORK/err" || fail "says $(cat "$WORK/err")"
	passed "another user's export is told by the daemon, under the user that the system names; without it nothing is given out"
fi
