#!/bin/bash
# Drop folders: a file is taken when it is complete, kept before it is moved, moved when it is committed: to done/ or, with the reason,
# to rejected/. Nothing that is not a plain file is opened. Through kills at any moment nothing is lost and nothing counts twice.
. "$(dirname "$0")/lib.sh"

feeds() { # NAME: two feeds with folders in $WORK/NAME
	mkdir -p "$WORK/$1/feeds.d" "$WORK/$1/table"
	cat >"$WORK/$1/feeds.d/hand.conf" <<-END
		feed "hand" {
		    path = "drop/hand"
		    publisher = "LGA"
		    tier = "A"
		    format = "evidence"
		    max_size = "64K"
		}
	END
	cat >"$WORK/$1/feeds.d/table.conf" <<-END
		feed "table" {
		    path = "$WORK/$1/table"
		    publisher = "Ofsted"
		    tier = "A"
		    format = "csv"
		    kind = "ilacs"
		    record {
		        council = { "Authority" }
		        event_date = "Date"
		        overall_effectiveness = { "Overall" }
		    }
		}
	END
}
# statement COUNCIL DAY SIGNAL
statement() {
	printf '{"kind":"signal","council_id":"%s","event_date":"%s","published_at":"%sT00:00:00Z","publisher":"LGA","tier":"A","title":"%s","values":{"signal":"%s","status":"occurred"}}\n' \
		"$1" "$2" "$2" "$3 of $1" "$3"
}
feeds a
instance a 'fetching = false'
HAND=$WORK/a/state/drop/hand
TABLE=$WORK/a/table
evidence() { cw a evidence --json "$@" | wc -l; }
has() { [ -e "$1" ] || [ -L "$1" ]; }
gone() { ! has "$1"; }

mkdir -p "$HAND"
statement leeds 2024-01-10 dcs_change >"$HAND/before.json"
start a
wait_until 10 "a file from before the start is taken" has "$HAND/done/before.json"
[ "$(evidence leeds)" -eq 1 ] || fail "$(evidence leeds) pieces of evidence of a file from before the start"
[ "$(stat -c %a "$WORK/a/state/drop/hand/done")" = 770 ] || fail "done/ has mode $(stat -c %a "$HAND/done")"
passed "a file that was there before the start is taken, and moved when it is committed"

statement bury 2024-01-11 dcs_change >"$HAND/now.json"
wait_until 10 "a new file is taken" has "$HAND/done/now.json"
statement bolton 2024-01-12 dcs_change >"$WORK/moved.json"
mv "$WORK/moved.json" "$HAND/moved.json"
wait_until 10 "a file renamed into the folder is taken" has "$HAND/done/moved.json"
gone "$HAND/now.json" || fail "a file that was taken is still there"
gone "$HAND/done/now.json.report" || fail "a file without complaint has a report"
passed "files that are closed or renamed in are taken at once"

# While it is written it is left alone, however long that takes and however often somebody looks.
"$PYTHON" - "$HAND/slow.json" "$WORK/go" <<'PY' &
import os, sys, time
with open(sys.argv[1], "w") as file:
    file.write('{"kind":"signal","council_id":"wigan","event_date":"2024-01-13","published_at":"2024-01-13T00:00:00Z",')
    file.flush()
    while not os.path.exists(sys.argv[2]):
        time.sleep(0.05)
    file.write('"publisher":"LGA","tier":"A","title":"slow","values":{"signal":"dcs_change","status":"occurred"}}\n')
PY
WRITER=$!
STARTED+=($WRITER)
statement wirral 2024-01-14 dcs_change >"$HAND/.hidden.json"
statement wirral 2024-01-14 dcs_change >"$HAND/upload.json.part"
statement wirral 2024-01-14 dcs_change >"$HAND/upload.json.tmp"
kill -HUP "$(pid_of a)" # and a look through the folder besides
sleep 3
has "$HAND/slow.json" || fail "a file was taken while it was written"
for name in .hidden.json upload.json.part upload.json.tmp; do has "$HAND/$name" || fail "$name was taken"; done
touch "$WORK/go"
wait $WRITER
wait_until 10 "the slow file is taken when it is closed" has "$HAND/done/slow.json"
[ "$(evidence wigan)" -eq 1 ] || fail "the slow file gave $(evidence wigan) pieces of evidence"
mv "$HAND/upload.json.part" "$HAND/upload.json"
wait_until 10 "a file that got its final name is taken" has "$HAND/done/upload.json"
passed "a file is not taken before it is closed, nor under a name that says it is not ready"

# Where the reason is written first, somebody of the group has put a pipe, which nobody reads, and a link.
mkfifo "$HAND/rejected/.note.tmp"
echo precious >"$WORK/precious"
ln "$WORK/precious" "$TABLE/done/.note.tmp"
echo 'this is not JSON' >"$HAND/bad.json"
wait_until 10 "nonsense is rejected" has "$HAND/rejected/bad.json"
grep -q 'unparsable\|no_rows\|bad_row' "$HAND/rejected/bad.json.reason" 2>/dev/null || has "$HAND/done/bad.json.report" || fail "no reason: $(cat "$HAND/rejected/bad.json.reason")"
[ -f "$HAND/rejected/bad.json.reason" ] || fail "the reason is no file"
grep -q 'What to do' "$HAND/rejected/bad.json.reason" || fail "the reason has no mend: $(cat "$HAND/rejected/bad.json.reason")"
printf 'Authority,Date,Overall\nBradford,2022-11-21,Inadequate\nRuritania,2022-11-21,Inadequate\nLeeds,soon,Good\n' >"$TABLE/some.csv"
wait_until 10 "a table with bad rows is taken" has "$TABLE/done/some.csv"
grep -q '1 unknown_council: ' "$TABLE/done/some.csv.report" && grep -q '1 bad_date: ' "$TABLE/done/some.csv.report" || fail "the report: $(cat "$TABLE/done/some.csv.report")"
[ "$(cat "$WORK/precious")" = precious ] || fail "the report went into a file of somebody else's: $(cat "$WORK/precious")"
printf 'Council,Day\nBradford,2022-11-21\n' >"$TABLE/other.csv"
wait_until 10 "another table is rejected" has "$TABLE/rejected/other.csv"
grep -q 'missing_column' "$TABLE/rejected/other.csv.reason" || fail "the reason: $(cat "$TABLE/rejected/other.csv.reason")"
passed "what is refused is told with reason and mend, and bad rows with a report"

# The same again: nothing is doubled, nothing is overwritten.
before=$(evidence)
documents() { cw a status --json | "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["documents"]["stored"])'; }
stored=$(documents)
statement bury 2024-01-11 dcs_change >"$HAND/now.json"
wait_until 10 "the same file again is moved" has "$HAND/done/now.json~2"
[ "$(documents)" -eq "$stored" ] || fail "the same file again was stored again"
statement bury 2024-01-11 dcs_change >"$HAND/another-name.json"
wait_until 10 "the same content under another name is moved" has "$HAND/done/another-name.json"
[ "$(evidence)" -eq "$before" ] || fail "the same content twice gave $(evidence) pieces of evidence, not $before"
passed "the same file twice is one document; the same content counts once"

# Nothing but plain files is opened.
echo secret >"$WORK/secret"
ln -s "$WORK/secret" "$HAND/link.json"
mkfifo "$HAND/pipe.json"
mkdir "$HAND/directory.json"
head -c 70000 /dev/zero >"$HAND/huge.json"
statement rochdale 2024-01-15 dcs_change >"$WORK/twice.json"
ln "$WORK/twice.json" "$HAND/twice.json"
wait_until 10 "a link is put away" has "$HAND/rejected/link.json"
wait_until 10 "a pipe is put away" has "$HAND/rejected/pipe.json"
wait_until 10 "a huge file is put away" has "$HAND/rejected/huge.json"
[ -L "$HAND/rejected/link.json" ] && [ -p "$HAND/rejected/pipe.json" ] || fail "what was put away has changed"
grep -q 'max_size' "$HAND/rejected/huge.json.reason" || fail "the reason: $(cat "$HAND/rejected/huge.json.reason")"
[ -d "$HAND/directory.json" ] || fail "a directory was moved"
has "$HAND/twice.json" || fail "a file with two names was taken"
rm "$WORK/twice.json"
wait_until 20 "a file with one name left is taken" has "$HAND/done/twice.json"
cat "$WORK/secret" | grep -q secret || fail "what a link leads to was touched"
cw a quarantine --json | grep -q secret && fail "what a link leads to was read"
passed "links, pipes, directories and files too large are never read"

# The folder goes and comes back.
cw a status >"$WORK/out" || fail "not healthy: $(cat "$WORK/out")"
grep -q '^hand *watching' "$WORK/out" || fail "status does not show the folder: $(cat "$WORK/out")"
mv "$TABLE" "$TABLE.away"
unhealthy() { ! cw a status >"$WORK/out"; }
wait_until 10 "a folder that is gone makes it unhealthy" unhealthy
grep -q "feed table: the folder $TABLE cannot be read" "$WORK/out" || fail "status does not say so: $(cat "$WORK/out")"
cw a check >"$WORK/out" 2>&1
[ $? -eq 2 ] && grep -q "table.conf:1: the folder $TABLE of feed \"table\" cannot be watched" "$WORK/out" || fail "check does not say so: $(tail -n 3 "$WORK/out")"
mkdir "$TABLE"
printf 'Authority,Date,Overall\nLeeds,2022-02-21,Outstanding\n' >"$TABLE/back.csv"
wait_until 20 "the folder that is back is read" has "$TABLE/done/back.csv"
cw a status >"$WORK/out" || fail "not healthy after the folder is back: $(cat "$WORK/out")"
passed "a folder that is gone is an error in status, and is taken up again when it is back"

# A reload takes a folder away and gives it back.
sed -i 's/^    path = .*hand"/    enabled = false\n&/' "$WORK/a/feeds.d/hand.conf"
kill -HUP "$(pid_of a)"
reloaded() { [ "$(grep -c config.reloaded "$WORK/a/daemon.log")" -eq "$1" ]; }
wait_until 10 "the reload" reloaded 2
statement salford 2024-01-16 dcs_change >"$HAND/off.json"
sleep 1
has "$HAND/off.json" || fail "a feed that is off takes files"
sed -i '/enabled = false/d' "$WORK/a/feeds.d/hand.conf"
kill -HUP "$(pid_of a)"
wait_until 10 "the folder of a feed that is on again is read" has "$HAND/done/off.json"
passed "reloads add and remove folders"
stop a

# Once: what is there is taken, then it ends.
statement sefton 2024-01-17 dcs_change >"$HAND/once.json"
timeout 60 "$CW_BIN/councilwatchd" -c "$(conf a)" --once >"$WORK/out" 2>"$WORK/a/daemon.log" || fail "--once ended with $?: $(cat "$WORK/out")"
has "$HAND/done/once.json" || fail "--once leaves the file"
grep -q '1 documents committed, 1 evidence' "$WORK/out" || fail "--once says: $(cat "$WORK/out")"
passed "--once takes what is there"

# A file that cannot be moved is told, is used once, and keeps nobody else waiting.
statement stockport 2024-01-18 dcs_change >"$HAND/stuck.json"
if chattr +i "$HAND/stuck.json" 2>/dev/null; then
	start a
	statement oldham 2024-01-19 dcs_change >"$HAND/free.json"
	wait_until 10 "another file is taken" has "$HAND/done/free.json"
	stuck() { ! cw a status >"$WORK/out" && grep -q "feed hand: 'stuck.json' cannot be moved" "$WORK/out"; }
	wait_until 10 "status tells of the file that cannot be moved" stuck
	stop a
	chattr -i "$HAND/stuck.json"
	start a
	wait_until 10 "it is moved when it can be" has "$HAND/done/stuck.json"
	cw a status >"$WORK/out" || fail "not healthy after it was moved: $(cat "$WORK/out")"
	[ "$(evidence stockport)" -eq 1 ] || fail "the file that could not be moved was used $(evidence stockport) times"
	passed "a file that cannot be moved is told and holds nobody up"
	stop a
else
	rm "$HAND/stuck.json"
	say "skipped: this file system has no immutable files"
fi

# Kills at any moment, while files come: at the end each file is in done/ and each statement counts once.
feeds b
instance b 'fetching = false'
HAND=$WORK/b/state/drop/hand
mkdir -p "$HAND"
"$PYTHON" - "$HAND" "$CW_SOURCE/config/councils.csv" <<'PY' &
import csv, json, os, sys, time
folder, councils = sys.argv[1], [r["council_id"] for r in csv.DictReader(open(sys.argv[2])) if not r.get("valid_to")][:150]
for n in range(300):
    council = councils[n % len(councils)]
    day = "2024-0%d-01" % (1 + n // len(councils))
    text = json.dumps({"kind": "signal", "council_id": council, "event_date": day, "published_at": day + "T00:00:00Z",
                       "publisher": "LGA", "tier": "A", "title": str(n), "values": {"signal": "lmcs_change", "status": "occurred"}}) + "\n"
    if n % 2:
        with open(f"{folder}/{n}.json", "w") as file:
            file.write(text)
    else:
        with open(f"{folder}/{n}.tmp", "w") as file:
            file.write(text)
        os.rename(f"{folder}/{n}.tmp", f"{folder}/{n}.json")
    time.sleep(0.02)
PY
WRITER=$!
STARTED+=($WRITER)
for round in 1 2 3 4 5 6 7 8; do
	"$CW_BIN/councilwatchd" -c "$(conf b)" >>"$WORK/b/daemon.log" 2>&1 &
	pid=$!
	STARTED+=($pid)
	sleep "0.$((RANDOM % 6 + 3))"
	kill -KILL $pid
	wait $pid 2>/dev/null
done
start b
wait $WRITER
all_done() { [ "$(ls "$HAND/done" | wc -l)" -eq 300 ]; }
wait_until 60 "all files are in done/ ($(ls "$HAND/done" | wc -l) now)" all_done
[ "$(ls "$HAND" | wc -l)" -eq 2 ] || fail "left in the folder: $(ls "$HAND")"
[ "$(ls "$HAND/rejected" | wc -l)" -eq 0 ] || fail "rejected: $(ls "$HAND/rejected")"
[ "$(cw b evidence --json | wc -l)" -eq 300 ] || fail "$(cw b evidence --json | wc -l) pieces of evidence, not 300"
[ "$(cw b status --json | "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["documents"]["stored"])')" -eq 300 ] || fail "documents are doubled"
passed "through eight kills each of 300 files is taken once and moved once"
stop b

# Silence of a folder from which something is expected is an outage; of another it is not.
feeds c
sed -i 's/^    max_size.*/    interval = "1s"\n    required = true/' "$WORK/c/feeds.d/hand.conf"
instance c 'fetching = false'
start c
out() { { cw c status --json || true; } | "$PYTHON" -c "
import json, sys
feeds = {f['feed']: f for f in json.load(sys.stdin)['feeds']}
sys.exit(not (feeds['hand']['outage_since'] and not feeds['table']['outage_since']))"; }
wait_until 20 "no file for three intervals is an outage" out
cw c alerts --json | grep -q source_outage || fail "the outage is not told"
statement leeds 2024-01-10 dcs_change >"$WORK/c/state/drop/hand/x.json"
back() { ! out; }
wait_until 10 "a file ends it" back
passed "silence counts where an interval says that files are expected"
stop c
