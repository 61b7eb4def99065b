#!/bin/bash
# A disk that fills up in the middle of an import, and is made larger: nothing is lost, nothing counts twice. Needs root, for a small
# file system in memory; is skipped without.
. "$(dirname "$0")/lib.sh"
mkdir -p "$WORK/a/state"
mount -t tmpfs -o size=16m councilwatch-test "$WORK/a/state" 2>/dev/null || { say "skipped: no small file system can be mounted here"; exit 77; }
unmount() {
	local status=$? pid
	for pid in "${STARTED[@]:-}"; do
		[ -n "$pid" ] && alive "$pid" && end "$pid"
	done
	umount "$WORK/a/state" 2>/dev/null
	(exit $status)
	cleanup
}
trap unmount EXIT

instance calm 'fetching = false'
start calm
import_all calm
final_state calm "$WORK/calm.state" || fail "reading the state"
stop calm

# Something else takes all room once so many documents are committed.
import_in_bulk() {
	local tries
	for ((tries = 0; tries < 60; tries++)); do
		cw a import --feed ofsted-ilacs-summary --manifest "$DATA/ilacs/MANIFEST.csv" >"$WORK/a/import.log" 2>&1 &&
			cw a import --feed area-send-summary --manifest "$DATA/send/MANIFEST.csv" >>"$WORK/a/import.log" 2>&1 && return 0
		sleep 0.5
	done
	return 1
}
for after in 0 5 20 38; do
	instance a 'fetching = false'
	start a
	import_in_bulk &
	import=$!
	STARTED+=($import)
	while [ "$(grep -c 'document.committed' "$WORK/a/daemon.log")" -lt $after ]; do :; done
	dd if=/dev/zero of="$WORK/a/state/filler" bs=4k 2>/dev/null
	[ "$(df --output=avail "$WORK/a/state" | tail -n 1)" -lt 64 ] || fail "the disk is not full"
	committed=$(grep -c 'document.committed' "$WORK/a/daemon.log")
	# Refused, with the reason; or the inbox had room left for it, and it waits with the others.
	timeout 4 "$CW_BIN/councilwatch" -c "$(conf a)" import --feed area-send-summary --fetched-at 2025-03-19T12:17:43Z "$DATA/send/2025-03-19T121743Z_send.html" >"$WORK/a/one.log" 2>&1
	case $? in
	0) fail "a document got through on a full disk" ;;
	124) ;;
	*)
		grep -qi 'full\|no space' "$WORK/a/one.log" || fail "the import does not say that the disk is full: $(cat "$WORK/a/one.log")"
		;;
	esac
	grep -qi 'disk is full' "$WORK/a/daemon.log" || fail "the log does not say that the disk is full"
	alive "$import" || fail "the import got through on a full disk"
	alive "$(pid_of a)" || fail "the daemon ended because the disk is full"
	rm -f "$WORK/a/state/filler"
	wait "$import" || fail "the import does not go on: $(tail -n 3 "$WORK/a/import.log") $(tail -n 5 "$WORK/a/daemon.log")"
	final_state a "$WORK/a.state" || fail "reading the state"
	same "$WORK/calm.state" "$WORK/a.state" "full after $committed documents: it waits and says so; with room again it ends as if it had never been full"
	stop a
	rm -rf "$WORK"/a/state/*
done
