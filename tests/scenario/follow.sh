#!/bin/bash
# From a search page of several pages over provider pages to reports: each step is followed, each report is fetched once, whatever is
# killed on the way; links that lead where they should not are not followed; and the feed is ill when the way is.
. "$(dirname "$0")/lib.sh"
mkdir -p "$WORK/switches" "$WORK/a/feeds.d"
LOG=$WORK/requests
: >"$LOG"
mkfifo "$WORK/stdin"
"$PYTHON" "$CW_SOURCE/tests/scenario/follow_server.py" "$LOG" "$WORK/switches" <"$WORK/stdin" >"$WORK/port" &
STARTED+=($!)
exec 9>"$WORK/stdin"
wait_until 10 "the server listens" test -s "$WORK/port"
PORT=$(cat "$WORK/port")

# reports INSTANCE [INTERVAL]: the feed in question.
reports() {
	mkdir -p "$WORK/$1/feeds.d"
	cat >"$WORK/$1/feeds.d/reports.conf" <<-END
		feed "reports" {
		    url       = "http://127.0.0.1:$PORT/search?q=&start=0&rows=10"
		    interval  = "${2:-1h}"
		    jitter    = "0s"
		    publisher = "Ofsted"
		    tier      = "A"
		    format    = "csv"
		    kind      = "ilacs"
		    max_redirects = 3
		    pages { parameter = "start" by = 10 }
		    step "search" { link_contains = "/provider/" }
		    step "provider" {
		        link_class    = "publication-link"
		        text_contains = "children's services inspection"
		        immutable     = true
		    }
		    record {
		        council    = "council"
		        event_date = "date"
		        overall_effectiveness = "grade"
		    }
		}
	END
}

# once STATUS WHAT: runs it over a fresh log of requests; its summary is in $summary.
once() {
	: >"$LOG"
	timeout 120 "$CW_BIN/councilwatchd" -c "$(conf a)" --once >"$WORK/a/out" 2>"$WORK/a/daemon.log"
	local status=$?
	summary=$(cat "$WORK/a/out")
	say "$2: $summary"
	[ $status -eq "$1" ] || fail "$2: exit status $status, not $1"
}
asked() { grep -c "$1" "$LOG"; }
is() { [ "$2" -eq "$3" ] || fail "$1: $2, not $3"; }
evidence() { cw "$1" evidence --json | wc -l; }
only_once() { [ -z "$(grep -h '^200 /v1/file/' "$LOG" | sort | uniq -d)" ]; }

reports a
instance a
once 0 "all steps in one run"
is "pages of the search" "$(asked '^200 /search')" 4
is "provider pages" "$(asked '^200 /provider')" 23
is "reports" "$(asked '^200 /v1/file/[12]')" 46
is "reports of another kind" "$(asked '/v1/file/3')" 0
only_once || fail "a report was fetched twice: $(sort "$LOG" | uniq -d)"
# One is of Poole at a time when that was no council any more.
is "evidence" "$(evidence a)" 45
cw a evidence --json leeds | grep -q '"url": *"http://127.0.0.1:'"$PORT"'/v1/file/[12]003"' || fail "evidence does not name the report it stands in: $(cw a evidence --json leeds)"
passed "four pages, 23 providers and 46 reports, each fetched once and committed"

for hostile in evil.example /etc/passwd 'javascript:' 169.254.169.254 6666 'ftp:' 7777; do
	cw a quarantine --json | grep -q "$hostile" || fail "the link to $hostile is not in quarantine"
done
is "requests to hosts that are not allowed" "$(asked '/v1/file/\(1\|6666\|7777\|9999\)$')" 0
[ "$(asked ' /loop')" -le 5 ] || fail "a circle of redirects was followed $(asked ' /loop') times"
grep -q 'link.failed.*/away/1.*redirect_refused' "$WORK/a/daemon.log" || fail "a redirect to another host is not refused"
grep -q 'link.failed.*/gone/1.*http_404' "$WORK/a/daemon.log" || fail "a link to nothing is not told"
passed "hostile links are in quarantine or fail, and nobody else was asked"

once 0 "nothing has changed"
is "reports" "$(asked '/v1/file/')" 0
is "pages and providers" "$(asked '^304 ')" 27
is "anything in full" "$(asked '^200 ')" 0
passed "a second run asks for pages and providers conditionally, and for no report"

touch "$WORK/switches/changed"
once 0 "each provider has a new report"
is "new reports" "$(asked '^200 /v1/file/4')" 23
is "old reports" "$(asked '/v1/file/[12]')" 0
rm "$WORK/switches/changed"
passed "a new report is fetched, the old ones are not"

touch "$WORK/switches/half"
once 1 "half of the provider pages fail"
grep -q 'fetch.failed feed=reports outcome=http_500.*11 of 23 links of step' "$WORK/a/daemon.log" || fail "the feed does not say what fails"
rm "$WORK/switches/half"
once 0 "they are back"
touch "$WORK/switches/strip"
once 1 "provider pages without any link to follow"
grep -q 'fetch.failed feed=reports outcome=no_rows.*links of step' "$WORK/a/daemon.log" || fail "pages that give nothing count as calm"
rm "$WORK/switches/strip"
once 0 "they are back"
passed "a feed is ill when more than one in ten links of a step fail or give nothing"

touch "$WORK/switches/refuse"
once 1 "the server refuses the parameters"
grep -q 'fetch.failed feed=reports outcome=http_422.*parameter.*mend url' "$WORK/a/daemon.log" || fail "422 is not told as what it is"
rm "$WORK/switches/refuse"
passed "a refused request is told with its mend"

# Pages of documents that the feed's format reads itself.
mkdir -p "$WORK/d/feeds.d"
for kind in count repeat cursor; do
	pages='parameter = "start" by = 10'
	[ $kind = cursor ] && pages='next_at = "links.next"'
	cat >"$WORK/d/feeds.d/$kind.conf" <<-END
		feed "$kind" {
		    url = "http://127.0.0.1:$PORT/api/$kind"
		    interval = "1h"
		    publisher = "Ofsted"
		    tier = "A"
		    format = "json"
		    rows_at = "results"
		    kind = "ilacs"
		    pages { $pages }
		    record { council = "council" event_date = "date" overall_effectiveness = "grade" }
		}
	END
done
instance d
: >"$LOG"
timeout 60 "$CW_BIN/councilwatchd" -c "$(conf d)" --once >"$WORK/d/out" 2>"$WORK/d/daemon.log" || fail "feeds of pages: $(cat "$WORK/d/out")"
is "pages by a parameter" "$(asked '/api/count')" 4
is "pages of a server that repeats itself" "$(asked '/api/repeat')" 4
is "pages that name the next" "$(asked '/api/cursor')" 3
grep -q 'pages.ended feed=repeat.*repeats itself' "$WORK/d/daemon.log" || fail "a server that repeats itself is not told of"
for kind in count repeat cursor; do
	is "evidence of $kind" "$(cw d evidence --json | grep -c "\"feed\":\"$kind\"")" 22
done
: >"$LOG"
timeout 60 "$CW_BIN/councilwatchd" -c "$(conf d)" --once >"$WORK/d/out" 2>"$WORK/d/daemon.log" || fail "feeds of pages, again: $(cat "$WORK/d/out")"
is "pages asked for conditionally" "$(asked '^304 /api/')" 11
passed "pages are read one after the other to the end, whichever way they are found, and again conditionally"

# From the command line, while a daemon runs.
mkdir -p "$WORK/c"
reports c
instance c
sed -i 's/enabled.*//; s/^    interval/    enabled = false\n    interval/' "$WORK/c/feeds.d/reports.conf"
start c
cw c fetch reports >"$WORK/c/out" || fail "fetch does not exit 0: $(cat "$WORK/c/out")"
grep -q '^step provider: 49 links, 46 fetched, 3 failing' "$WORK/c/out" || fail "fetch does not tell of the steps: $(tail -n 5 "$WORK/c/out")"
grep -q '^reports: well .*; 73 documents, 0 rejected, 45 evidence (45 new)' "$WORK/c/out" || fail "fetch does not sum up: $(tail -n 1 "$WORK/c/out")"
cw c status >"$WORK/c/out"
grep -q '^reports *provider *49 *46 *3 *0 ' "$WORK/c/out" || fail "status does not tell of the steps: $(cat "$WORK/c/out")"
touch "$WORK/switches/changed"
before=$(cw c alerts --json | wc -l) shared=$(evidence c)
cw c fetch reports --dry-run --links 4 --json >"$WORK/c/out"
"$PYTHON" - "$WORK/c/out" <<-'PY' || fail "the dry run shows something else: $(head -c 2000 "$WORK/c/out")"
	import json, sys
	dry = json.load(open(sys.argv[1]))
	assert dry["evidence"] and all(e["feed"] == "reports" for e in dry["evidence"]), "no evidence"
	assert all("/v1/file/4" in e["url"] for e in dry["evidence"]), "what is known already is shown as new"
	assert any(a["data"]["kind"] == "floor_closed" for a in dry["alerts"]), "no alert"
PY
[ "$(cw c alerts --json | wc -l)" -eq "$before" ] && [ "$(evidence c)" -eq "$shared" ] || fail "a dry run changed something"
ls -d /tmp/councilwatch.?????? 2>/dev/null && fail "the dry run left its directory behind"
cw c fetch reports --json >"$WORK/c/out" || fail "fetch --json fails"
"$PYTHON" -c 'import json, sys; d = json.load(open(sys.argv[1])); assert d["ok"] and d["new_evidence"] == 22, d' "$WORK/c/out" || fail "fetch --json tells something else"
rm "$WORK/switches/changed"
touch "$WORK/switches/refuse"
cw c fetch reports >"$WORK/c/out" && fail "fetch exits 0 although the server refuses"
grep -q 'reports: failed (http_422)' "$WORK/c/out" && grep -q 'mend url' "$WORK/c/out" || fail "fetch does not say why: $(cat "$WORK/c/out")"
rm "$WORK/switches/refuse"
cw c fetch nosuch >"$WORK/c/out" 2>&1 && fail "fetch of a feed that there is not exits 0"
stop c
passed "councilwatch fetch waits, tells what came, and in a dry run what would"

# What the first page leads to is fetched before that page is committed: the pages after it are asked for all the same.
mkdir -p "$WORK/h"
reports h
instance h
sed -i 's/^    interval/    enabled = false\n    interval/' "$WORK/h/feeds.d/reports.conf"
start h
: >"$LOG"
assessor=$(pgrep -P "$(pid_of h)" -f councilwatch-assessor | head -n 1)
kill -STOP "$assessor"
cw h fetch reports >"$WORK/h/out" &
fetch=$!
first_page() { [ "$(asked '^200 /provider')" -ge 1 ]; }
wait_until 20 "a provider's page is fetched" first_page
sleep 1
kill -CONT "$assessor"
wait "$fetch" || fail "fetch does not exit 0: $(cat "$WORK/h/out")"
grep -q '^further pages: 3 links, 3 fetched, 0 failing, 0 waiting' "$WORK/h/out" || fail "fetch leaves pages out: $(tail -n 5 "$WORK/h/out")"
is "evidence" "$(evidence h)" 45
stop h
passed "councilwatch fetch of a feed that is off ends when the last page was read"

# Everything at every step.
mkdir -p "$WORK/b"
reports b
instance b 'normalisers = 2'
touch "$WORK/switches/slow"
: >"$LOG"
start b
kills=0
state() { cw b status --json 2>/dev/null; }
all_committed() {
	[ "$(grep -c '^200 /v1/file/[12]' "$LOG")" -ge 46 ] && state | "$PYTHON" -c '
import json, sys
status = json.load(sys.stdin)
sys.exit(0 if status["backlog"]["documents"] == 0 else 1)'
}
for ((i = 0; i < 60 && kills < 14; i++)); do
	[ "$(grep -c '^200 /v1/file/[12]' "$LOG")" -ge 46 ] && break
	sleep 0.$((RANDOM % 6 + 3))
	if ((i % 2)); then
		kill -KILL "$(pid_of b)" && wait "$(pid_of b)" 2>/dev/null
		kills=$((kills + 1))
		start b
	else
		# A normaliser of ours, by its parent.
		pid=$(pgrep -P "$(pid_of b)" -f councilwatch-normaliser | head -n 1)
		[ -n "$pid" ] && kill -KILL "$pid" && kills=$((kills + 1))
	fi
done
rm "$WORK/switches/slow"
wait_until 90 "every report is committed" all_committed
[ $kills -ge 6 ] || fail "only $kills processes were killed on the way"
only_once || {
	# A daemon that dies between the last byte and the commit has to ask again: that is the only way.
	twice=$(grep -h '^200 /v1/file/' "$LOG" | sort | uniq -d | wc -l)
	[ "$twice" -le "$kills" ] || fail "$twice reports were fetched twice after $kills deaths"
}
settled() { [ "$(evidence b)" -eq 45 ]; }
wait_until 30 "45 pieces of evidence" settled
strip() { cw "$1" evidence --json | "$PYTHON" -c '
import json, sys
for line in sorted(json.dumps({k: v for k, v in json.loads(l).items() if k not in ("fetched_at", "published_at")}, sort_keys=True) for l in sys.stdin): print(line)'; }
strip b >"$WORK/b.evidence"
strip a | grep -v '/v1/file/4' >"$WORK/a.evidence"
same "$WORK/a.evidence" "$WORK/b.evidence" "after $kills deaths of daemons and normalisers the evidence is that of an undisturbed run"
cat >"$WORK/twice.py" <<'PY'
import sqlite3, sys
db = sqlite3.connect("file:" + sys.argv[1] + "?mode=ro", uri=True)
twice = db.execute("SELECT url, count(*) FROM document WHERE link > 0 AND step = '' GROUP BY url HAVING count(*) > 1").fetchall()
lost = db.execute("SELECT url FROM link WHERE document = 0 AND url LIKE '%/v1/file/%'").fetchall()
queued = db.execute("SELECT count(*) FROM document WHERE state = 0").fetchone()[0]
print(len(twice), "reports stored twice,", len(lost), "links without a document,", queued, "documents queued")
sys.exit(1 if twice or lost or queued else 0)
PY
"$PYTHON" "$WORK/twice.py" "$WORK/b/state/inbox.db" || fail "a report was stored twice or not at all"
stop b
passed "no report is stored twice and none is lost"
