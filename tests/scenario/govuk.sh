#!/bin/bash
# The shipped feeds of GOV.UK and of news against a server that answers as they do: a notice opens on the day its page was first published,
# not when that was last changed; only the note in the collection closes it, and a later change of its page does not open it again;
# what the search refuses is told as that, and a feed that breaks off is not read as calm.
. "$(dirname "$0")/lib.sh"
mkdir -p "$WORK/switches" "$WORK/a/feeds.d"
LOG=$WORK/requests
: >"$LOG"
mkfifo "$WORK/stdin"
"$PYTHON" "$CW_SOURCE/tests/scenario/govuk_server.py" "$LOG" "$WORK/switches" <"$WORK/stdin" >"$WORK/port" &
STARTED+=($!)
exec 9>"$WORK/stdin"
wait_until 10 "the server listens" test -s "$WORK/port"
HERE=http://127.0.0.1:$(cat "$WORK/port")

# here FEED EXPRESSION…: a shipped feed with its addresses here, switched on, pages of three and no waiting.
here() {
	local feed=$1
	shift
	sed -E -e "s,^( *(url|link_prefix) *= *)\"https://www.gov.uk/,\\1\"$HERE/," -e 's/^( *enabled *= *)false/\1true/' \
		-e 's/^( *interval *= *)"[^"]*"/\1"1s"/' -e 's/^( *by *= *)50/\13/' -e '/^ *expect \{/,/^    \}/d' "$@" \
		"$CW_SOURCE/config/feeds.d/$feed.conf" >"$WORK/a/feeds.d/$feed.conf"
}
here dfe-improvement-notices
here dfe-notices-log -e 's,/government/collections/[a-z-]*",/government/collections/notices",'
here bbc-england -e "s,https://feeds[^\"]*,$HERE/news.xml,"
instance a

# once STATUS WHAT
once() {
	: >"$LOG"
	timeout 120 "$CW_BIN/councilwatchd" -c "$(conf a)" --once >"$WORK/a/out" 2>"$WORK/a/daemon.log"
	local status=$?
	say "$2: $(cat "$WORK/a/out")"
	[ $status -eq "$1" ] || fail "$2: exit status $status, not $1"
}
# statements COUNCIL: signal, status, criterion and day of each, sorted.
statements() {
	cw a evidence --json "$1" | "$PYTHON" -c '
import json, sys
for line in sys.stdin:
    e = json.loads(line)
    v = e["values"]
    print(e["kind"], v.get("signal"), v.get("status"), v.get("criterion"), e["published_at"][:10], e["url"].split("/")[-1])' | sort
}
given() {
	local got
	got=$(statements "$1")
	[ "$got" = "$2" ] || fail "$1 has"$'\n'"$got"$'\n'"and not"$'\n'"$2"
}
level() { cw a councils --json | "$PYTHON" -c 'import json, sys; print(next(c["level"] for c in json.load(sys.stdin) if c["council_id"] == sys.argv[1]))' "$1"; }

once 0 "all feeds"
given halton "signal improvement_notice open None 2024-03-28 halton
signal improvement_notice open None 2024-04-02 notices"
given swindon "signal improvement_notice open None 2023-11-15 swindon"
given bedford "signal improvement_notice open send 2024-06-15 bedford"
given thurrock "signal s114_notice occurred None 2026-06-29 1"
[ "$(grep -c '^200 /api/search.json' "$LOG")" -eq 3 ] || fail "not two pages of the search and the empty one: $(cat "$LOG")"
[ "$(grep -c '^200 /api/content/government/publications/' "$LOG")" -eq 4 ] || fail "not the four pages of notices: $(cat "$LOG")"
[ "$(level halton)" = priority ] || fail "Halton is $(level halton)"
passed "notices are open from the day of their first publication, on the side that they are about"

touch "$WORK/switches/closed"
once 0 "the notice is closed"
given halton "signal improvement_notice closed None 2025-09-01 notices
signal improvement_notice open None 2024-03-28 halton
signal improvement_notice open None 2024-04-02 notices"
[ "$(level halton)" != priority ] || fail "the notice to Halton is still open: $(cw a explain halton)"
[ "$(level swindon)" = priority ] || fail "Swindon is $(level swindon)"
passed "the note in the collection closes it, and a later note of its page does not open it again"

touch "$WORK/switches/refuse" "$WORK/switches/broken"
once 1 "the search refuses, the news break off"
cw a quarantine --json >"$WORK/quarantine"
grep -q 'fetch.failed feed=dfe-improvement-notices outcome=http_422.*mend url' "$WORK/a/daemon.log" || fail "nothing says that the search refused"
grep -q 'it breaks off' "$WORK/quarantine" || fail "nothing says that the news break off: $(cat "$WORK/quarantine")"
given thurrock "signal s114_notice occurred None 2026-06-29 1"
passed "a refusal is told as one, and a feed that breaks off is unparsable"
