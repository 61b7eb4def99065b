#!/bin/bash
# The databases as files: copies made while work goes on, put back; damage that is found and named, with what to do; another program
# that holds a lock; a log that was cut off; a disk that fails to write or to make durable. Nothing accepted is lost in any of it.
. "$(dirname "$0")/lib.sh"

instance calm 'fetching = false'
start calm
import_all calm
final_state calm "$WORK/calm.state" || fail "reading the state"
stop calm
whole() { cw "$1" check --storage >"$WORK/check.out" 2>&1; }
whole calm || fail "an undisturbed state is not whole: $(cat "$WORK/check.out")"
passed "an undisturbed state is whole"

# --- a copy made in the middle of an import, put back elsewhere: what is missing comes again, nothing counts twice
instance a 'fetching = false'
start a
import_all a &
import=$!
STARTED+=($import)
wait_until 60 "some documents are committed" bash -c "[ \$(grep -c document.committed '$WORK/a/daemon.log') -ge 15 ]"
cw a backup "$WORK/copy" >"$WORK/backup.out" 2>&1 || fail "no backup: $(cat "$WORK/backup.out")"
alive "$import" || fail "the import was over before the copy was made"
cw a audit --action export --json | grep -q '"command": *"backup"\|backup' || fail "the audit log does not know of the backup: $(cw a audit)"
cw a backup "$WORK/copy" >"$WORK/backup.out" 2>&1 && fail "a second copy into the same folder"
grep -q 'not empty' "$WORK/backup.out" || fail "a full folder is not named: $(cat "$WORK/backup.out")"
cw a restore "$WORK/copy" >"$WORK/restore.out" 2>&1 && fail "restored under a running daemon"
grep -q 'stop it first' "$WORK/restore.out" || fail "the running daemon is not named: $(cat "$WORK/restore.out")"
wait "$import" || fail "the import did not go on beside the copy"
final_state a "$WORK/a.state" && same "$WORK/calm.state" "$WORK/a.state" "a copy made meanwhile changes nothing"
stop a

instance b 'fetching = false'
mkdir -p "$WORK/b/state"
cw b restore "$WORK/copy" >"$WORK/restore.out" 2>&1 || fail "not restored: $(cat "$WORK/restore.out")"
whole b || fail "what was restored is not whole: $(cat "$WORK/check.out")"
start b
had=$(cw b evidence --json | wc -l)
[ "$had" -gt 0 ] && [ "$had" -lt "$(cw calm evidence --json | wc -l)" ] || fail "the copy has $had statements"
import_all b
final_state b "$WORK/b.state" && same "$WORK/calm.state" "$WORK/b.state" "a copy of the middle, put back, and everything sent again"
cw b alerts --json | "$PYTHON" -c 'import json, sys; s = [json.loads(l)["data"]["seq"] for l in sys.stdin]; sys.exit(s != list(range(1, len(s) + 1)))' ||
	fail "alerts are not numbered without gap"
stop b

# --- a copy that was changed or not finished is refused, and nothing is touched
cp -r "$WORK/copy" "$WORK/changed"
printf x | dd of="$WORK/changed/inbox.db" bs=1 seek=9000 conv=notrunc 2>/dev/null
sum=$(cat "$WORK"/b/state/*.db | sha256sum)
cw b restore "$WORK/changed" >"$WORK/restore.out" 2>&1 && fail "a changed copy was put back"
grep -q 'not the file that was copied' "$WORK/restore.out" || fail "says: $(cat "$WORK/restore.out")"
rm "$WORK/changed/MANIFEST"
cw b restore "$WORK/changed" >"$WORK/restore.out" 2>&1 && fail "an unfinished copy was put back"
grep -q 'not finished' "$WORK/restore.out" || fail "says: $(cat "$WORK/restore.out")"
[ "$sum" = "$(cat "$WORK"/b/state/*.db | sha256sum)" ] || fail "a refused copy changed something"
passed "changed and unfinished copies are refused"

# --- damage is found, wherever it is
damaged() { # FILE SQL-or-PAGE WHAT: spoils the file of instance d and sees it named
	cw d check --storage --json >"$WORK/check.out" && fail "$1: $2 is taken for whole"
	"$PYTHON" -c '
import json, sys
answer = json.load(open(sys.argv[1]))
found = [f for f in answer["findings"] if f["damage"]]
assert not answer["ok"] and found and all(f["mend"] for f in found), answer
assert any(f["database"] == sys.argv[2] and sys.argv[3] in f["what"] for f in found), found' "$WORK/check.out" "$1" "$3" || fail "$1: $2"
	passed "found in $1: $2"
}
fresh() { rm -rf "$WORK/d/state"; cp -r "$WORK/calm/state" "$WORK/d/state"; }
spoil() { "$PYTHON" - "$WORK/d/state/$1" "$2" <<-'PY'
	import sqlite3, sys
	db = sqlite3.connect(sys.argv[1], isolation_level=None)
	db.execute(sys.argv[2])
	PY
}
instance d 'fetching = false'
fresh; dd if=/dev/urandom of="$WORK/d/state/councilwatch.db" bs=4096 seek=40 count=2 conv=notrunc 2>/dev/null
damaged councilwatch.db "two pages of noise" ""
fresh; dd if=/dev/urandom of="$WORK/d/state/inbox.db" bs=8192 seek=3 count=1 conv=notrunc 2>/dev/null
damaged inbox.db "a page of noise" ""
fresh; spoil inbox.db "UPDATE chunk SET data = (SELECT data FROM chunk WHERE id = (SELECT max(id) FROM chunk)) WHERE id = (SELECT min(id) FROM chunk)"
damaged inbox.db "the bytes of one document in the place of another's" "is not what was stored"
fresh; spoil inbox.db "DELETE FROM chunk WHERE id = (SELECT min(id) FROM chunk)"
damaged inbox.db "part of a document gone" "parts of it are missing"
fresh; spoil councilwatch.db "DELETE FROM alert WHERE seq = 3"
damaged councilwatch.db "an alert gone" "alerts are numbered"
fresh; spoil councilwatch.db "DELETE FROM document WHERE id = (SELECT min(id) FROM document WHERE evidence > 0)"
damaged councilwatch.db "a document gone whose evidence stays" "documents that are not there"

# --- the assessor's database lost, or its log cut off: the kept documents give all of it again
fresh; rm "$WORK"/d/state/councilwatch.db*
start d
cw d replay >"$WORK/replay.out" 2>&1 || fail "replay: $(cat "$WORK/replay.out")"
final_state d "$WORK/d.state" && same "$WORK/calm.state" "$WORK/d.state" "councilwatch.db lost: replayed from the kept documents"
stop d
whole d || fail "not whole after the replay: $(cat "$WORK/check.out")"

# A reader keeps everything in the log.
rm -rf "$WORK/d/state"
start d
"$PYTHON" - "$WORK/d/state/councilwatch.db" "$WORK/read" <<-'PY' &
	import pathlib, sqlite3, sys, time
	db = sqlite3.connect(sys.argv[1], isolation_level=None)
	db.execute("BEGIN")
	db.execute("SELECT count(*) FROM evidence").fetchone()
	pathlib.Path(sys.argv[2]).touch()
	time.sleep(600)
PY
reader=$!
STARTED+=($reader)
wait_until 20 "somebody reads" test -e "$WORK/read"
import_all d
end $reader KILL
for pid in $(pid_of d) $(pgrep -P "$(pid_of d)"); do kill -KILL "$pid"; done
wait "$(pid_of d)" 2>/dev/null
size=$(stat -c %s "$WORK/d/state/councilwatch.db-wal")
[ "$size" -gt 100000 ] || fail "there is no log to cut off ($size bytes)"
truncate -s $((size / 2 + 13)) "$WORK/d/state/councilwatch.db-wal"
whole d && fail "a log that was cut off is not seen"
grep -q 'marked done whose evidence' "$WORK/check.out" && grep -q 'councilwatch replay' "$WORK/check.out" || fail "says: $(cat "$WORK/check.out")"
start d
cw d replay >"$WORK/replay.out" 2>&1 || fail "replay: $(cat "$WORK/replay.out")"
final_state d "$WORK/d.state" && same "$WORK/calm.state" "$WORK/d.state" "the log of councilwatch.db cut off: seen, named, and mended by a replay"
whole d || fail "not whole after the replay: $(cat "$WORK/check.out")"
stop d

# --- another program holds a lock: work waits for it, and goes on
for database in councilwatch.db inbox.db; do
	rm -rf "$WORK/d/state"
	start d
	"$PYTHON" - "$WORK/d/state/$database" "$WORK/held" 9 <<-'PY' &
		import sqlite3, sys, time, pathlib
		db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=20)
		db.execute("BEGIN IMMEDIATE")
		pathlib.Path(sys.argv[2]).touch()
		time.sleep(float(sys.argv[3]))
		db.execute("ROLLBACK")
	PY
	holder=$!
	STARTED+=($holder)
	wait_until 20 "the lock is held" test -e "$WORK/held"
	rm "$WORK/held"
	tries=0
	until cw d import --feed ofsted-ilacs-summary --manifest "$DATA/ilacs/MANIFEST.csv" >"$WORK/d/import.log" 2>&1; do
		[ $((tries += 1)) -lt 30 ] || fail "$database locked: the import gets nowhere: $(cat "$WORK/d/import.log")"
		sleep 0.5
	done
	alive "$(pid_of d)" || fail "the daemon ended because of a lock"
	import_all d
	wait "$holder"
	final_state d "$WORK/d.state" && same "$WORK/calm.state" "$WORK/d.state" "$database locked by another program for 9 s (tries: $((tries + 1)))"
	stop d
done
