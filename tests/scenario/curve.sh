#!/bin/bash
# Other machines: keys are made, what is wrong with them is told; who has a key on the list comes in over tcp, and nobody else does; a
# change of the list disturbs nobody but whom it takes away.
. "$(dirname "$0")/lib.sh"

mkdir -p "$WORK/a/feeds.d"
echo 'feed "hand" { publisher = "LGA" tier = "A" format = "evidence" submissions = true }' >"$WORK/a/feeds.d/feeds.conf"
KEYS=$WORK/a
ALERTS=tcp://127.0.0.1:$(free_port) QUERY=tcp://127.0.0.1:$(free_port) CONTROL=tcp://127.0.0.1:$(free_port) SUBMIT=tcp://127.0.0.1:$(free_port)
drive() { timeout 100 "$PYTHON" "$CW_SOURCE/tests/scenario/curve_drive.py" "$@" >"$WORK/out" 2>&1 || fail "$1: $(cat "$WORK/out")"; }

# Keys.
for name in server alice bob mallory; do
	"$CW_BIN/councilwatch" keygen "$KEYS/$name.key" --public "$KEYS/$name.pub" >"$WORK/$name.out" || fail "keygen $name"
	[ "$(stat -c %a "$KEYS/$name.key")" = 600 ] || fail "the secret key of $name has mode $(stat -c %a "$KEYS/$name.key")"
	grep -qxF "$(cat "$WORK/$name.out")" "$KEYS/$name.pub" || fail "keygen prints another key than it writes"
	[ "$(wc -w <"$WORK/$name.out")" -eq 2 ] || fail "keygen prints $(cat "$WORK/$name.out")"
	grep -qF "$(sed -n 's/^[^#].* //p' "$KEYS/$name.key")" "$WORK/$name.out" "$KEYS/$name.pub" && fail "the secret key of $name is told"
done
before=$(cat "$KEYS/alice.key")
"$CW_BIN/councilwatch" keygen "$KEYS/alice.key" >"$WORK/out" 2>&1 && fail "a key is overwritten"
grep -q 'alice.key: is there already' "$WORK/out" && [ "$before" = "$(cat "$KEYS/alice.key")" ] || fail "keygen again: $(cat "$WORK/out")"
"$CW_BIN/councilwatch" keygen "$KEYS/new.key" --public "$KEYS/alice.pub" >"$WORK/out" 2>&1 && fail "a public key is overwritten"
[ ! -e "$KEYS/new.key" ] || fail "half a pair is left behind"
passed "keygen makes keys for their owner alone, and overwrites none"

# What is refused before anything runs, with its place and the mend.
refuses() { # WHAT TEXT LINE…
	local what=$1 text=$2
	shift 2
	instance a 'fetching = false' "$@"
	"$CW_BIN/councilwatchd" -c "$(conf a)" --check >"$WORK/out" 2>&1
	[ $? -eq 2 ] || fail "$what is not refused: $(cat "$WORK/out")"
	grep "^$WORK/a/[a-z.]*:[0-9]*: " "$WORK/out" | grep -q "$text" || fail "$what: $(cat "$WORK/out")"
}
OPEN=tcp://0.0.0.0:7777
refuses "an open stream" 'councilwatch.conf:8: endpoint_alerts would be open to everybody' "endpoint_alerts = \"$OPEN\""
refuses "an open query socket" 'councilwatch.conf:8: remote_query would be open to everybody' "remote_query = \"$OPEN\""
refuses "the workers' socket" 'endpoint_work would be open to everybody.*remote_work' "endpoint_work = \"$OPEN\""
refuses "a door for nobody" 'remote_query lets nobody in' "remote_query = \"$OPEN\"" 'server_key = "./server.key"'
refuses "a list without a door" 'allow_query has nothing to guard' 'server_key = "./server.key"' 'allow_query = "alice.pub"'
refuses "a key that is not there" 'councilwatch.conf:9: server_key cannot be used: .*none.key cannot be read' "remote_query = \"$OPEN\"" \
	'server_key = "./none.key"' 'allow_query = "alice.pub"'
refuses "a secret key on a list" 'alice.key:2: has three words' "remote_query = \"$OPEN\"" 'server_key = "./server.key"' 'allow_query = "alice.key"'
printf '# keys\nalice 123\n' >"$KEYS/bad.keys"
refuses "a key cut short" 'bad.keys:2: is no public key' "remote_query = \"$OPEN\"" 'server_key = "./server.key"' 'allow_query = "bad.keys"'
cat "$KEYS/alice.pub" "$KEYS/alice.pub" >"$KEYS/twice.keys"
refuses "a key twice" "twice.keys:4: the key of 'alice' is that of 'alice'" "remote_query = \"$OPEN\"" 'server_key = "./server.key"' 'allow_query = "twice.keys"'
refuses "an unknown group" "group is 'no-such-group', and there is no such group" 'group = "no-such-group"'
refuses "half an identity" 'client_key is of no use without server_public_key' 'client_key = "./alice.key"'
chmod 640 "$KEYS/server.key"
refuses "a secret key that others read" 'server.key may be read by others (mode 0640): chmod 600' "remote_query = \"$OPEN\"" 'server_key = "./server.key"' 'allow_query = "alice.pub"'
chmod 600 "$KEYS/server.key"
instance a 'fetching = false' 'endpoint_alerts = "tcp://127.0.0.1:7777"'
"$CW_BIN/councilwatchd" -c "$(conf a)" --check >/dev/null || fail "a loopback endpoint without keys is refused"
passed "what would be open, or lets nobody in, is refused with its line"

# Served.
cp "$KEYS/alice.pub" "$KEYS/subscribers.keys"
mkdir "$KEYS/clients" && cp "$KEYS/alice.pub" "$KEYS/clients/"
served=('fetching = false' 'heartbeat = "300ms"' 'server_key = "./server.key"' "remote_alerts = \"$ALERTS\"" 'allow_alerts = "subscribers.keys"'
	"remote_query = \"$QUERY\"" 'allow_query = "subscribers.keys"' "remote_control = \"$CONTROL\"" 'allow_control = "clients"'
	"remote_submit = \"$SUBMIT\"" 'allow_submit = "clients"')
instance a "${served[@]}" 'group = "daemon"'
[ "$(id -u)" -eq 0 ] || instance a "${served[@]}"
start a
for socket in alerts query control submit work commit evidence; do
	case $socket in work | commit | evidence) mode=600 ;; *) mode=660 ;; esac
	[ "$(stat -c %a "$WORK/a/run/$socket")" = $mode ] || fail "the $socket socket has mode $(stat -c %a "$WORK/a/run/$socket")"
	[ "$(id -u)" -ne 0 ] || [ $mode = 600 ] || [ "$(stat -c %G "$WORK/a/run/$socket")" = daemon ] || fail "$socket is of group $(stat -c %G "$WORK/a/run/$socket")"
done
grep -q 'sandbox' "$WORK/a/daemon.log" && say "note: $(grep -m1 sandbox "$WORK/a/daemon.log")"
passed "the sockets have their modes and group"

drive refused "$KEYS" "$ALERTS" "$QUERY" "$CW_BIN/councilwatch" -c "$(conf a)" status --json
[ "$(grep -c 'peer.refused endpoint=query reason=no_key' "$WORK/a/daemon.log")" -le 2 ] || fail "refusals flood the log"
grep -q 'peer.refused endpoint=query reason=unknown_key from=127.0.0.1' "$WORK/a/daemon.log" || fail "a refusal is not logged"
passed "without a key, with a wrong one and with an unknown one nobody comes in; refused, counted, logged once"
drive replay "$KEYS" "$QUERY" "$CW_BIN/councilwatch" -c "$(conf a)" status --json
passed "a recorded connection is of no use"

# The command, from another machine.
mkdir -p "$WORK/far/feeds.d" && cp "$WORK/a/feeds.d/feeds.conf" "$WORK/far/feeds.d/"
far=("endpoint_alerts = \"$ALERTS\"" "endpoint_query = \"$QUERY\"" "endpoint_control = \"$CONTROL\"" "endpoint_submit = \"$SUBMIT\"" 'heartbeat = "300ms"')
instance far "${far[@]}" "client_key = \"$KEYS/alice.key\"" "server_public_key = \"$KEYS/server.pub\""
cw far status --json | grep -q '"running": true' || fail "status over tcp: $(cw far status 2>&1)"
line='{"kind":"signal","council_id":"leeds","event_date":"2024-05-01","published_at":"2024-05-30T09:00:00Z","publisher":"LGA","tier":"A","title":"t","values":{"signal":"s114_notice","status":"occurred"}}'
printf '%s\n' "$line" >"$WORK/one.ndjson"
cw far submit --feed hand --wait "$WORK/one.ndjson" >"$WORK/out" 2>&1 || fail "submit over tcp: $(cat "$WORK/out")"
by() { "$PYTHON" -c 'import json, sys; print(*sorted({str(json.loads(l)["submitted_by"]) for l in sys.stdin}))'; }
[ "$(cw a evidence --json | by)" = key:alice ] || fail "what alice handed in is of $(cw a evidence --json | by)"
# Who it is does not follow from what is said.
printf '%s\n' "${line%\}},\"submitted_by\":\"key:mallory\",\"event_date\":\"2024-05-02\"}" | sed 's/"event_date":"2024-05-01",//' >"$WORK/two.ndjson"
cw a submit --feed hand --wait "$WORK/two.ndjson" >"$WORK/out" 2>&1 || fail "submit: $(cat "$WORK/out")"
[ "$(cw a evidence --json | by)" = "key:alice user:$(id -un)" ] || fail "what we handed in is of $(cw a evidence --json | by)"
passed "who handed something in is known by key and by user, not by what it says"
cw far watch --since 0 --count 1 --timeout 10 >"$WORK/out" 2>&1 || fail "watch over tcp: $(cat "$WORK/out")"
instance plain 'heartbeat = "300ms"'
cw plain watch --endpoint "$ALERTS" --query "$QUERY" --key "$KEYS/alice.key" --server-key "$KEYS/server.pub" --since 0 --count 1 --timeout 10 >"$WORK/out" 2>&1 ||
	fail "watch with options: $(cat "$WORK/out")"
cw plain watch --endpoint "$ALERTS" --query "$QUERY" --key "$KEYS/mallory.key" --server-key "$KEYS/server.pub" --since 0 --count 1 --timeout 2 >"$WORK/out" 2>&1 &&
	fail "watch with an unknown key hears: $(cat "$WORK/out")"
cw plain watch --endpoint tcp://192.0.2.1:7777 --query tcp://192.0.2.1:7778 --timeout 1 >"$WORK/out" 2>&1 && fail "watch of another machine without keys"
grep -q 'set client_key and server_public_key' "$WORK/out" || fail "watch of another machine without keys: $(cat "$WORK/out")"
passed "status, submit and watch work from another machine"

# A copy that works out what would be is nobody's but ours: it does not take the ports.
timeout 60 "$CW_BIN/councilwatch" -c "$(conf a)" replay --diff >"$WORK/out" 2>&1 || fail "replay --diff beside a service with ports: $(cat "$WORK/out")"
passed "a rehearsal serves nobody"

# Another list.
drive lists "$KEYS" "$QUERY" "$ALERTS" "$(pid_of a)"
grep -q 'peer.refused endpoint=alerts reason=removed_key from=alice' "$WORK/a/daemon.log" || fail "a removed key is not logged"
[ "$(grep -c 'worker.started role=assessor' "$WORK/a/daemon.log")" -eq 1 ] || fail "a change of a list restarts the assessor"
echo 'carol nonsense' >>"$KEYS/subscribers.keys"
kill -HUP "$(pid_of a)"
wait_until 10 "a broken list is refused" grep -q 'config.refused' "$WORK/a/daemon.log"
grep -q 'subscribers.keys:3.*is no public key' "$WORK/a/daemon.log" || fail "a broken list is refused without its line: $(grep config.mistake "$WORK/a/daemon.log")"
passed "a reload takes up another list, disturbs nobody else, and refuses a broken one"
stop a
