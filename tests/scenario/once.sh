#!/bin/bash
# councilwatchd --once: fetches every enabled feed once, waits until all of it is committed, prints one line, and tells by its exit
# status how it went: 0 all well, 1 a feed failed, 2 the configuration is wrong.
. "$(dirname "$0")/lib.sh"
[ -x "$NGINX" ] || { say "skipped: no nginx"; exit 77; }
PORT=$(free_port)
nginx_start
live_feeds a
instance a
serve "$DATA/ilacs/2024-12-23T102715Z_ilacs.html" ilacs.html
serve "$DATA/send/2024-12-23T085946Z_send.html" send.html

# once STATUS WHAT: runs it; its summary is in $summary.
once() {
	timeout 60 "$CW_BIN/councilwatchd" -c "$(conf a)" --once >"$WORK/a/out" 2>"$WORK/a/daemon.log"
	local status=$?
	[ $status -eq "$1" ] || fail "$2: exit status $status, not $1: $(cat "$WORK/a/out")"
	[ "$(wc -l <"$WORK/a/out")" -eq "${3:-1}" ] || fail "$2: $(wc -l <"$WORK/a/out") lines on standard output, not ${3:-1}: $(cat "$WORK/a/out")"
	summary=$(cat "$WORK/a/out")
	say "$2: ${summary:-nothing on standard output}"
}
documents() { cw a status --json 2>/dev/null | "$PYTHON" -c 'import json, sys; print(sum(f["documents"] for f in json.load(sys.stdin)["feeds"]))'; }

once 0 "both feeds are well"
[ "$(documents)" -eq 2 ] || fail "$(documents) documents are committed, not 2"
[ "$(cw a evidence --json | wc -l)" -eq 202 ] || fail "$(cw a evidence --json | wc -l) pieces of evidence, not 153 + 49"
cw a councils --json | grep -q '"level":"intensive"' || fail "no level was worked out"
passed "both feeds are fetched, committed and told in one line"

once 0 "nothing has changed"
[ "$(grep -c '^304 ' "$WORK/nginx/access.log")" -eq 2 ] || fail "the second run did not ask conditionally"
[ "$(documents)" -eq 2 ] || fail "a page that did not change was stored again"
passed "a second run asks conditionally and stores nothing"

serve "$DATA/ilacs/2024-12-09T110921Z_ilacs.html" ilacs.html
mv "$WORK/web/send.html" "$WORK/web/elsewhere.html"
once 1 "one feed answers 404"
[ "$(documents)" -eq 3 ] || fail "the feed that was well was not committed"
grep -q 'feed=area-send-summary.*404' "$WORK/a/daemon.log" || fail "the failure is not logged"
passed "a feed that fails gives status 1; the other one is committed all the same"

mv "$WORK/web/elsewhere.html" "$WORK/web/send.html"
"$PYTHON" - "$DATA/send/2024-12-23T085946Z_send.html" >"$WORK/empty.html" <<'PY'
import re, sys
print(re.sub(r"<tbody>.*</tbody>", "<tbody>\n  </tbody>", open(sys.argv[1], encoding="utf-8").read(), flags=re.S))
PY
serve "$WORK/empty.html" send.html
before=$(cw a councils --json)
once 1 "a page whose table is empty"
[ "$(cw a councils --json)" = "$before" ] || fail "an empty table changed levels"
cw a quarantine --json | grep -q '"no_rows"' || fail "the empty table is not in quarantine"
passed "a successful fetch that parses to nothing is a failure"

serve "$DATA/send/2024-12-23T085946Z_send.html" send.html
end "$NGINX_PID" QUIT
once 1 "nobody listens"
passed "a server that is gone gives status 1"

cp "$(conf a)" "$WORK/good.conf"
printf 'normalisers = 0\nintervall = "5m"\n' >>"$(conf a)"
sed -i 's/^    tier .*/    tier = "Z"/' "$WORK/a/feeds.d/area-send-summary.conf"
once 2 "a configuration with three mistakes" 0
line() { grep -n "$1" "$2" | cut -d: -f1; }
for mistake in "councilwatch.conf:$(line '^normalisers' "$(conf a)"): .*normalisers" "councilwatch.conf:$(line '^intervall' "$(conf a)"): .*intervall" \
	"area-send-summary.conf:$(line '^    tier' "$WORK/a/feeds.d/area-send-summary.conf"): .*tier"; do
	grep -q "$mistake" "$WORK/a/daemon.log" || fail "not reported: $mistake; said was: $(cat "$WORK/a/daemon.log")"
done
passed "a wrong configuration gives status 2 and every mistake with file and line"
"$CW_BIN/councilwatchd" -c "$WORK/nothing.conf" --once >"$WORK/a/out" 2>&1
[ $? -eq 2 ] || fail "a configuration that is not there does not give 2"
"$CW_BIN/councilwatchd" --onse >"$WORK/a/out" 2>&1
[ $? -eq 2 ] || fail "an unknown option does not give 2"
passed "no configuration and wrong usage give status 2"
