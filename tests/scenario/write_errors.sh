#!/bin/bash
# A disk on which writing fails, or making durable, for a while, under either database: what happens is said, nothing that was
# accepted is lost, and with the disk well again work goes on by itself.
. "$(dirname "$0")/lib.sh"
: "${CW_BUILD:=$(dirname "$CW_BIN")}"
FAULTS=$CW_BUILD/tests/support/faults.so
[ -f "$FAULTS" ] || { say "skipped: $FAULTS is not built"; exit 77; }

instance calm 'fetching = false'
start calm
import_all calm
final_state calm "$WORK/calm.state" || fail "reading the state"
stop calm

instance a 'fetching = false'
failing=$WORK/a/state/failing
one() { cw a import --feed "$1" --fetched-at "$2" "$3" >"$WORK/a/one.log" 2>&1 </dev/null; }
for database in inbox.db councilwatch.db; do
	for fault in write sync; do
		rm -rf "$WORK/a/state"
		# Read by every program of this instance alone.
		export LD_PRELOAD=$FAULTS CW_FAULT=$fault CW_FAULT_FILE=$database CW_FAULT_WHILE=$failing ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0
		start a
		unset LD_PRELOAD CW_FAULT CW_FAULT_FILE CW_FAULT_WHILE ASAN_OPTIONS
		n=0
		while IFS=$'\t' read -r feed moment file; do
			case $((n += 1)) in
			10 | 30 | 50)
				touch "$failing"
				one "$feed" "$moment" "$file" &
				import=$!
				STARTED+=($import)
				sleep 1.5
				alive "$(pid_of a)" || fail "$database, $fault fails: the daemon is gone"
				if [ "$database" = inbox.db ]; then
					# Not accepted, and said so.
					wait "$import" && fail "$database, $fault fails: a document was taken"
					grep -qi 'inbox.db.*\(i/o error\|input/output\)' "$WORK/a/one.log" || fail "the import does not say why: $(cat "$WORK/a/one.log")"
				else
					# Accepted, and waits.
					alive "$import" || fail "$database, $fault fails: the import is over: $(cat "$WORK/a/one.log")"
					grep -qi 'councilwatch.db.*i/o error' "$WORK/a/daemon.log" || fail "the log does not say why"
				fi
				rm "$failing"
				wait "$import" || one "$feed" "$moment" "$file" || fail "$database, well again: $(cat "$WORK/a/one.log")"
				;;
			*)
				one "$feed" "$moment" "$file" || fail "$database, $fault: $(cat "$WORK/a/one.log")"
				;;
			esac
		done < <(captures)
		grep -q 'worker.stopped.*role=assessor' "$WORK/a/daemon.log" && say "($database, $fault: the assessor was begun anew)"
		final_state a "$WORK/a.state" || fail "reading the state"
		same "$WORK/calm.state" "$WORK/a.state" "$database, three times that $([ $fault = sync ] && echo 'making durable' || echo writing) fails"
		cw a check --storage >"$WORK/check.out" || fail "$database, $fault: $(cat "$WORK/check.out")"
		stop a
	done
done
