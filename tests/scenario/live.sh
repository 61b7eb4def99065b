#!/bin/bash
# The captures as a live feed: a real web server, the daemon polling it, and a ZeroMQ subscriber in Python. Then a server that is
# busy, one that is gone, one that comes back, and a configuration that changes.
. "$(dirname "$0")/lib.sh"
[ -x "$NGINX" ] || { say "skipped: no nginx"; exit 77; }
PORT=$(free_port)
nginx_start
live_feeds a
# Reorganisations are another matter: the independent reading of the pages knows nothing of them.
instance a 'heartbeat = "200ms"' 'instance = "live"' 'lineage_file = ""'
# The daemon is there before the first page: nothing to fetch is a failure like any other.
touch "$WORK/web/503"
start a
requests() { grep -c "^$1 /${2:-ilacs.html}" "$WORK/nginx/access.log"; }
at_least() { [ "$(requests "$2" "${3:-ilacs.html}")" -ge "$1" ]; }
feed() { cw a status --json | "$PYTHON" -c 'import json, sys
feed = next(f for f in json.load(sys.stdin)["feeds"] if f["feed"] == "ofsted-ilacs-summary")
print(feed[sys.argv[1]])' "$1"; }

wait_until 15 "a request while the server is busy" at_least 2 503
"$PYTHON" - "$WORK/nginx/access.log" <<'PY' || fail "Retry-After was not honoured"
import sys
times = [float(line.split()[2]) for line in open(sys.argv[1]) if line.startswith("503 /ilacs.html")]
gaps = [b - a for a, b in zip(times, times[1:])]
print("503 with Retry-After: 4, asked again after", ", ".join("%.1f s" % gap for gap in gaps))
sys.exit(0 if gaps and min(gaps) >= 3.9 else 1)
PY
passed "a server that is busy is left alone as long as it asks"
[ "$(feed failures)" -ge 1 ] || fail "failures are not counted: $(feed failures)"
rm "$WORK/web/503"
"$PYTHON" "$CW_SOURCE/tests/scenario/live_drive.py" "$WORK" a ${CW_REDUCED:+8} || fail "the subscriber and the independent reading differ"
passed "every change reached the subscriber, once, under both topics, and nothing else did"

wait_until 10 "polls that find nothing new" at_least 3 304
conditional=$(grep -c '^304 /ilacs.html [0-9.]* "' "$WORK/nginx/access.log")
[ "$conditional" -ge 3 ] || fail "no 304 to a request with If-None-Match: $(tail -n 3 "$WORK/nginx/access.log")"
grep -q 'councilwatch/' "$WORK/nginx/access.log" || fail "the User-Agent is not ours"
passed "$(requests 304) polls of one page were answered 304 and $(requests 200) with a page"

served=$(requests 200)
before=$(cw a alerts --json | wc -l)
stop a
start a
seen=$(requests 304)
wait_until 15 "polls after a restart" at_least $((seen + 2)) 304
[ "$(requests 200)" -eq "$served" ] || fail "the page was fetched again after a restart"
[ "$(cw a alerts --json | wc -l)" -eq "$before" ] || fail "a restart raised alerts"
passed "after a restart the daemon goes on with what it knew of the page"

# A configuration that is changed well, and badly.
refused() { grep -q "councilwatch.conf:[0-9]*: unknown key 'instanse'.*instance" "$WORK/a/daemon.log"; }
reloaded() { [ "$(grep -c 'config.reloaded' "$WORK/a/daemon.log")" -ge "$1" ]; }
cp "$(conf a)" "$WORK/good.conf"
echo 'instanse = "oops"' >>"$(conf a)"
kill -HUP "$(pid_of a)"
wait_until 10 "a bad configuration is refused with its line" refused
seen=$(requests 304)
wait_until 10 "polling goes on under the old configuration" at_least $((seen + 2)) 304
sed 's/^instance = .*/instance = "renamed"/' "$WORK/good.conf" >"$(conf a)"
kill -HUP "$(pid_of a)"
wait_until 10 "a good configuration is taken" reloaded 1
seen=$(requests 304)
wait_until 10 "polling goes on under the new configuration" at_least $((seen + 2)) 304
[ "$(requests 200)" -eq "$served" ] || fail "a reload fetched the page again"
passed "a bad configuration is refused and the old one stays; a good one is taken; neither fetches anything again"

# The server goes away.
unhealthy() { ! cw a status; }
healthy() { cw a status; }
knowledge() { cw a councils --json | "$PYTHON" -c 'import json, sys; print(*sorted({c["knowledge"] for c in json.load(sys.stdin)}))'; }
all_unknown() { [ "$(knowledge)" = unknown ]; }
some_known() { [[ " $(knowledge) " == *" known "* ]]; }
wait_until 20 "status is healthy" healthy
some_known || fail "nothing is known before the outage"
outages=$(cw a alerts --json --kind source_outage | grep -c '"subject":"ofsted-ilacs-summary"')
end "$NGINX_PID" QUIT
more_outages() { [ "$(cw a alerts --json --kind source_outage | grep -c '"subject":"ofsted-ilacs-summary"')" -gt "$outages" ]; }
wait_until 30 "source_outage after three intervals" more_outages
wait_until 10 "status tells it" unhealthy
wait_until 10 "what is known counts as unknown" all_unknown
cw a alerts --json --kind source_outage | tail -n 1 | grep -q '"source":"/councilwatch/renamed"' || fail "the alert does not carry the new name of the instance"
[ "$(feed failures)" -ge 1 ] || fail "failures are not counted"
passed "a server that is gone raises source_outage, and unknown is not low"
nginx_start
wait_until 90 "recovery" healthy
wait_until 10 "what is known is known again" some_known
[ "$(feed failures)" -eq 0 ] || fail "failures are still counted after a success"
[ "$(cw a alerts --json --kind source_outage | grep -c '"subject":"ofsted-ilacs-summary"')" -eq $((outages + 1)) ] || fail "one outage raised more than one alert"
passed "it comes back, and so does what is known"

cw a watch --since 0 --count "$(cw a alerts --json | wc -l)" --timeout 20 --json >"$WORK/watched" 2>/dev/null || fail "watch --since 0"
cw a alerts --json >"$WORK/alerts"
for file in watched alerts; do
	"$PYTHON" -c 'import json, sys
for line in sys.stdin: print(json.dumps(json.loads(line), sort_keys=True))' <"$WORK/$file" >"$WORK/$file.sorted"
done
same "$WORK/watched.sorted" "$WORK/alerts.sorted" "watch --since 0 tells every alert in order"
stop a
