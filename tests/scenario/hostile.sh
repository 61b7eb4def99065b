#!/bin/bash
# Documents made to do harm, through the real programs: each ends in a counted outcome within its time, no process grows beyond its bounds,
# a good document behind it goes through, and nothing of it reaches a terminal or a spreadsheet as more than text.
. "$(dirname "$0")/lib.sh"
mkdir -p "$WORK/a/feeds.d" "$WORK/docs"
MEMORY_MB=512 # of any one process, whatever the document: JSON, of 64 MB at most, is held whole; nothing else takes over 200
[ -n "${CW_SANITIZED:-}" ] && MEMORY_MB=2048

feed() { # NAME FORMAT [LINE]
	cat >"$WORK/a/feeds.d/$1.conf" <<-END
		feed "$1" {
		    publisher = "P"
		    tier = "A"
		    format = "$2"
		    kind = "ilacs"
		    max_size = "512M"
		    ${3:-}
		    record {
		        council = "${4:-council}"
		        event_date = "${5:-day}"
		        date_format = "%Y-%m-%d"
		        overall_effectiveness = "${6:-grade}"
		    }
		}
	END
}
for format in csv json ndjson xlsx ods; do feed $format $format; done
feed html html-table
feed xml xml 'rows_at = "l/r"' n d g
cat >"$WORK/a/feeds.d/others.conf" <<-'END'
	feed "news" {
	    publisher = "P"
	    tier = "C"
	    format = "feed"
	    kind = "news"
	    record { council = "title"  published_at = "published"  title = "title" }
	}
	feed "pdf" {
	    publisher = "P"
	    tier = "A"
	    format = "ilacs-report"
	}
	feed "notes" {
	    publisher = "P"
	    tier = "C"
	    format = "evidence"
	}
END
instance a 'fetching = false' 'normalisers = 2'
cw a check >/dev/null 2>"$WORK/check.err" || fail "the configuration: $(cat "$WORK/check.err")"
"$PYTHON" "$CW_SOURCE/tests/scenario/hostile_documents.py" "$WORK/docs" >"$WORK/manifest" || fail "the documents could not be made"
printf 'council,day,grade\nLeeds,2024-01-08,Good\n' >"$WORK/good.csv"
start a

# high: the most that any process of the daemon's has ever held, MB. Those that died are in the log.
high() {
	local pid most=0 kb
	for pid in $(pid_of a) $(cat "/proc/$(pid_of a)/task/$(pid_of a)/children"); do
		kb=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$pid/status" 2>/dev/null)
		[ "${kb:-0}" -gt $most ] && most=$kb
	done
	echo $((most / 1024))
}

number=0
slowest=0
while IFS=$'\t' read -r feed file what outcomes seconds; do
	number=$((number + 1))
	began=$(date +%s%N)
	timeout "$((seconds * ${CW_SLOWER:-1}))" "$CW_BIN/councilwatch" -c "$(conf a)" import --feed "$feed" --fetched-at "$(printf 2024-06-01T00:%02d:%02dZ $((number / 60)) $((number % 60)))" --json "$file" \
		>"$WORK/one.json" 2>"$WORK/one.err" </dev/null
	status=$?
	[ $status -eq 124 ] && fail "$what: not over after $seconds s"
	took=$((($(date +%s%N) - began) / 1000000))
	[ $took -gt $slowest ] && slowest=$took && slow=$what
	outcome=$("$PYTHON" -c 'import json, sys; print(json.load(open(sys.argv[1]))["documents"][0]["outcome"])' "$WORK/one.json" 2>/dev/null)
	case "|$outcomes|" in
	*"|$outcome|"*) ;;
	*) fail "$what: outcome '$outcome', not one of $outcomes: $(cut -c1-300 "$WORK/one.json" "$WORK/one.err")" ;;
	esac
	[ "$(high)" -le $MEMORY_MB ] || fail "$what: a process held $(high) MB"
	printf '%-50s %-14s %6d ms  %4d MB\n' "$what" "$outcome" "$took" "$(high)"
	cw a import --feed csv --fetched-at "$(printf 2024-06-02T00:%02d:%02dZ $((number / 60)) $((number % 60)))" "$WORK/good.csv" >"$WORK/good.out" 2>&1 </dev/null ||
		fail "behind $what: $(cat "$WORK/good.out")"
done <"$WORK/manifest"
passed "$number documents, each with a counted outcome, and a good one behind each; the slowest ($slow) took $slowest ms"
say "workers that died meanwhile: $(grep -c 'worker.died' "$WORK/a/daemon.log")"

# Nothing of /etc/passwd came in, whoever asked for it.
cw a evidence --json >"$WORK/evidence.json"
cw a quarantine --json --all >"$WORK/quarantine.json"
cat "$WORK/evidence.json" "$WORK/quarantine.json" "$WORK/a/daemon.log" | grep -q 'root:x:0' && fail "an entity brought in a file"
passed "no entity of a file was read"

# What people see.
{ cw a evidence leeds; cw a quarantine; cw a quarantine list --all; cw a explain leeds; cw a history leeds; cw a councils; cw a alerts; { cw a status || true; }; } >"$WORK/seen.txt" 2>&1
for id in $(cw a quarantine --json | "$PYTHON" -c 'import json, sys; print(*(e["id"] for e in json.load(sys.stdin)))'); do cw a quarantine show "$id" >>"$WORK/seen.txt"; done
"$PYTHON" - "$WORK/seen.txt" "$WORK/a/daemon.log" <<'PY' || fail "what a terminal would obey came through"
import sys, unicodedata
for path in sys.argv[1:]:
    text = open(path, encoding="utf-8").read()  # and it is UTF-8
    bad = {c for c in text if unicodedata.category(c) in ("Cc", "Cf") and c not in "\n\t"}
    assert not bad, (path, sorted(map(hex, map(ord, bad))))
    assert "owned" in text or path.endswith(".log"), path
PY
for command in "councils --csv" "history leeds --csv"; do
	# shellcheck disable=SC2086
	cw a $command >"$WORK/sheet.csv" || fail "$command"
	"$PYTHON" - "$WORK/sheet.csv" <<'PY' || fail "$command: a formula reaches the spreadsheet"
import csv, re, sys
for row in csv.reader(open(sys.argv[1], newline="")):
    for cell in row:
        assert not cell or cell[0] not in "=+@\t\r" and (cell[0] != "-" or re.fullmatch(r"-[0-9.]+", cell)), cell
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", cell), cell
PY
done
passed "no escape reaches a terminal or the log, no formula a spreadsheet"
alive "$(pid_of a)" || fail "the daemon is gone"
cw a check --storage >"$WORK/check.out" || fail "$(cat "$WORK/check.out")"
stop a
