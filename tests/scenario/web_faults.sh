#!/bin/bash
# Every way in which a web server can fail us, one feed each, beside one that is well: each ends in a named outcome that "status" shows,
# is an outage after three intervals, and is told as source_outage; none of them reads as calm, none holds up the others.
# Certificates are tried where a file of trusted ones can be put in place for this process alone (root, in a mount namespace).
if [ "$(id -u)" -eq 0 ] && [ -z "${CW_OWN_MOUNTS:-}" ] && unshare -m true 2>/dev/null; then
	CW_OWN_MOUNTS=1 exec unshare -m --propagation private bash "$0" "$@"
fi
. "$(dirname "$0")/lib.sh"
mkdir -p "$WORK/a/feeds.d" "$WORK/pages" "$WORK/tls"

printf 'council,grade,day\nBradford,Inadequate,2022-11-21\n' >"$WORK/pages/good.csv"
printf 'council,grade,day\n' >"$WORK/pages/nothing.csv"
printf '<!DOCTYPE html><html><head><title>Sorry</title></head><body><p>Something went wrong.</p></body></html>\n' >"$WORK/pages/sorry.csv"
: >"$WORK/pages/empty.csv"
head -c 3000 /dev/urandom >"$WORK/pages/noise.csv"

serve_from() { # PROGRAM ARGUMENT…: ports, one a line, in $WORK/ports
	rm -f "$WORK/ports" "$WORK/stdin"
	mkfifo "$WORK/stdin"
	"$PYTHON" "$@" <"$WORK/stdin" >"$WORK/ports" 2>"$WORK/server.log" &
	STARTED+=($!)
	exec {HELD}>"$WORK/stdin"
	wait_until 10 "$1 listens" test -s "$WORK/ports"
}
serve_from "$CW_SOURCE/tests/support/http_server.py" "$WORK/pages"
HTTP=http://127.0.0.1:$(cat "$WORK/ports")
NOBODY=http://127.0.0.1:$(free_port)

: >"$WORK/wanted"
feed() { # NAME URL OUTCOME [INTERVAL]: of "status" when it is in an outage; "ok" for one that must not be
	cat >"$WORK/a/feeds.d/$1.conf" <<-END
		feed "$1" {
		    url = "$2"
		    interval = "${4:-2s}"
		    jitter = "0s"
		    timeout = "1s"
		    max_size = "1M"
		    max_redirects = 3
		    publisher = "P"
		    tier = "A"
		    format = "csv"
		    kind = "ilacs"
		    record {
		        council = { "council" }
		        event_date = "day"
		        date_format = "%Y-%m-%d"
		        overall_effectiveness = { "grade" }
		    }
		}
	END
	printf '%s %s\n' "$1" "$3${4:+*}" >>"$WORK/wanted"
}
feed good "$HTTP/doc/good.csv" ok
feed refused "$NOBODY/x" refused
# Away from this machine nothing may be asked every two seconds; its outage comes after three minutes, which nobody waits for here.
feed no-such-host "http://no-such-host.invalid/x" dns 60s
feed reset "$HTTP/close" reset
feed slow-headers "$HTTP/silent" timeout
feed slow-body "$HTTP/slow" timeout
feed truncated "$HTTP/truncated" truncated
feed truncated-chunks "$HTTP/truncated-chunks" truncated
feed endless "$HTTP/endless" too_large
feed announced-large "$HTTP/announced-large" too_large
feed many-headers "$HTTP/headers" too_large
feed gzip-bomb "$HTTP/bomb" too_large
feed bad-gzip "$HTTP/bad-gzip" bad_encoding
feed not-http "$HTTP/garbage" bad_response
feed redirect-loop "$HTTP/redirect-loop" too_many_redirects
feed redirect-file "$HTTP/redirect-file" redirect_refused
feed redirect-ftp "$HTTP/redirect-ftp" redirect_refused
feed redirect-host "$HTTP/redirect-host" redirect_refused
feed redirect-nowhere "$HTTP/redirect-nowhere" http_302
feed forbidden "$HTTP/forbidden" http_403
feed missing "$HTTP/no-such-page" http_404
feed busy "$HTTP/busy" http_429
feed down "$HTTP/down-silently" http_503
feed no-content "$HTTP/no-content" http_204
feed never-changed "$HTTP/unconditional-304" http_304
feed zero-rows "$HTTP/doc/nothing.csv" no_rows
feed error-page "$HTTP/doc/sorry.csv" unparsable
feed empty "$HTTP/doc/empty.csv" ''
feed noise "$HTTP/doc/noise.csv" ''

TLS=
if [ -n "${CW_OWN_MOUNTS:-}" ] && [ -f /etc/ssl/certs/ca-certificates.crt ] && command -v openssl >/dev/null; then
	cd "$WORK/tls" || exit 1
	authority() { openssl req -x509 -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.pem" -days 2 -subj "/CN=councilwatch test $1" 2>/dev/null; }
	certificate() { # NAME AUTHORITY DAYS SUBJECT-ALTERNATIVE-NAME
		openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.csr" -subj "/CN=test" 2>/dev/null &&
			printf 'subjectAltName=%s\n' "$4" >"$1.san" &&
			openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -days "$3" -extfile "$1.san" -out "$1.crt" 2>/dev/null &&
			cat "$1.crt" "$1.key" >"$1.both"
	}
	if authority known && authority stranger && certificate well known 2 IP:127.0.0.1 && certificate expired known -1 IP:127.0.0.1 &&
		certificate other known 2 DNS:example.org && certificate strange stranger 2 IP:127.0.0.1 &&
		mount --bind "$WORK/tls/known.pem" /etc/ssl/certs/ca-certificates.crt; then
		TLS=yes
	fi
	cd / || exit 1
fi
if [ -n "$TLS" ]; then
	serve_from "$CW_SOURCE/tests/support/tls_server.py" "$WORK"/tls/{well,expired,other,strange}.both
	wait_until 10 "four servers listen" bash -c "[ \$(wc -l <'$WORK/ports') -eq 4 ]"
	mapfile -t ports <"$WORK/ports"
	feed tls-well "https://127.0.0.1:${ports[0]}/" ok
	feed tls-expired "https://127.0.0.1:${ports[1]}/" tls
	feed tls-other-name "https://127.0.0.1:${ports[2]}/" tls
	feed tls-stranger "https://127.0.0.1:${ports[3]}/" tls
	feed tls-not-tls "https://${HTTP#http://}/ok" tls
else
	say "certificates are not tried: no mount namespace, or no openssl"
fi

instance a
cw a check >/dev/null 2>"$WORK/check.err" || fail "the configuration: $(cat "$WORK/check.err")"
start a

cat >"$WORK/look.py" <<'PY'
import json, subprocess, sys
cw, conf, wanted = sys.argv[1:4]
ask = lambda *words: subprocess.run([cw, "-c", conf, *words], capture_output=True, text=True).stdout
wanted = dict((line.rstrip("\n").split(" ", 1)) for line in open(wanted))
status = json.loads(ask("status", "--json"))
feeds = {f["feed"]: f for f in status["feeds"]}
told = {}
for line in ask("alerts", "--kind", "source_outage", "--json").splitlines():
    alert = json.loads(line)
    told[alert["subject"]] = told.get(alert["subject"], 0) + 1
wrong = []
for name, outcome in wanted.items():
    feed = feeds[name]
    outage = feed["outage_since"] is not None
    alerts = sum(n for subject, n in told.items() if name == subject or subject.endswith("/" + name))
    if outcome.endswith("*"):
        good = feed["outcome"] == outcome[:-1] and feed["failures"] >= 1 and feed["detail"]
    elif outcome == "ok":
        good = not outage and feed["evidence"] > 0 and not alerts
    else:
        good = outage and feed["failures"] >= 1 and alerts == 1 and (not outcome or feed["outcome"] == outcome) and feed["detail"]
    if not good:
        wrong.append("%s: wanted %s: outcome %s, detail %s, outage %s, failures %s, alerts %d" % (
            name, outcome or "any failure", feed["outcome"], feed["detail"], feed["outage_since"], feed["failures"], alerts))
if not status["healthy"] and not status["reasons"]:
    wrong.append("unhealthy without a reason")
print("\n".join(wrong))
sys.exit(bool(wrong))
PY
look() { "$PYTHON" "$WORK/look.py" "$CW_BIN/councilwatch" "$(conf a)" "$WORK/wanted" >"$WORK/look.out" 2>&1; }
for ((i = 0; i < 60; i++)); do
	look && break
	sleep 1
done
look || fail "after a minute: $(cat "$WORK/look.out")"
passed "$(grep -vc ' ok$' "$WORK/wanted") kinds of trouble: each has its outcome in status and one source_outage; $(grep -c ' ok$' "$WORK/wanted") good beside them"
cw a status >"$WORK/status.out" && fail "with outages status says that all is well"
[ "$(cw a councils --json --level intensive | "$PYTHON" -c 'import json, sys; print(*(c["council_id"] for c in json.load(sys.stdin)))')" = bradford ] ||
	fail "what came from the good one has no effect"
grep -q '[[:cntrl:]]' <(tr -d '\n\t' <"$WORK/status.out") && fail "control characters of a server reach the terminal"
alive "$(pid_of a)" || fail "the daemon is gone"
passed "the daemon goes on, and status says that it is unhealthy"

# The server is mended: the outage ends by itself.
cp "$WORK/pages/good.csv" "$WORK/pages/nothing.csv"
sed -i -E 's/^(zero-rows) .*/\1 ok/' "$WORK/wanted"
over() { { cw a status --json || true; } | "$PYTHON" -c 'import json, sys; f = next(f for f in json.load(sys.stdin)["feeds"] if f["feed"] == "zero-rows"); sys.exit(f["outage_since"] is not None or f["failures"] > 0)'; }
wait_until 30 "the outage of a mended source ends" over
passed "a source that is mended is in no outage any more"
stop a
