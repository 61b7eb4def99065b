#!/bin/bash
# Kept documents read again with today's configuration: what is known afterwards is what it would have been from the start; first what
# would change is shown on a copy, and nobody is told of any of it.
. "$(dirname "$0")/lib.sh"
mkdir -p "$WORK/a/feeds.d" "$WORK/b/feeds.d"
for name in a b; do cp "$CW_SOURCE/config/feeds.d/ofsted-ilacs-summary.conf" "$CW_SOURCE/config/feeds.d/area-send-summary.conf" "$WORK/$name/feeds.d"; done
instance a 'fetching = false'
start a
cw a import --feed ofsted-ilacs-summary --fetched-at 2024-12-09T11:09:21Z "$DATA/ilacs/2024-12-09T110921Z_ilacs.html" >"$WORK/out" || fail "import"
cw a import --feed ofsted-ilacs-summary --fetched-at 2024-12-23T10:27:15Z "$DATA/ilacs/2024-12-23T102715Z_ilacs.html" >"$WORK/out" || fail "import"
cw a import --feed area-send-summary --fetched-at 2024-12-23T08:59:46Z "$DATA/send/2024-12-23T085946Z_send.html" >"$WORK/out" || fail "import"
# state NAME FILE: all that must be the same in the end.
state() {
	{
		cw "$1" councils --json --as-of 2025-01-31
		cw "$1" evidence --json | sort
		cw "$1" quarantine --json | "$PYTHON" -c '
import json, sys
for e in sorted(json.dumps({k: v for k, v in e.items() if k != "id"}, sort_keys=True) for e in json.load(sys.stdin)): print(e)'
	} >"$2"
}
state a "$WORK/before"
alerts=$(cw a alerts --json | wc -l)

cw a replay --diff >"$WORK/out" || fail "replay --diff: $(cat "$WORK/out")"
grep -q '^3 documents read again on a copy: 0 pieces of evidence would go, 0 would come, 0 levels would change' "$WORK/out" || fail "the same configuration would change something: $(cat "$WORK/out")"
cw a replay >"$WORK/out" || fail "replay: $(cat "$WORK/out")"
grep -q '^3 documents were read again' "$WORK/out" || fail "not all documents were read again: $(cat "$WORK/out")"
state a "$WORK/after"
same "$WORK/before" "$WORK/after" "reading every document again with the same configuration changes nothing"

# A mapping that makes every "Inadequate" another grade, and a heading that is gone from one feed.
for name in a b; do
	sed -i 's/^\( *\)overall_effectiveness *=.*/&\n\1map "overall_effectiveness" { "Inadequate" = "requires_improvement" }/' "$WORK/$name/feeds.d/ofsted-ilacs-summary.conf"
	grep -q 'map "overall_effectiveness" { "Inadequate"' "$WORK/$name/feeds.d/ofsted-ilacs-summary.conf" || fail "the feed has another form now"
done
cw a replay --diff --feed ofsted-ilacs-summary --json >"$WORK/diff.json" || fail "replay --diff"
state a "$WORK/after"
same "$WORK/before" "$WORK/after" "a diff changes nothing"
ls -d /tmp/councilwatch.?????? 2>/dev/null && fail "the diff left its directory behind"
kill -HUP "$(pid_of a)"
reloaded() { grep -q config.reloaded "$WORK/a/daemon.log" && [ "$(grep -c daemon.ready "$WORK/a/daemon.log")" -ge 2 ]; }
wait_until 20 "the configuration is taken" reloaded
cw a replay --feed ofsted-ilacs-summary >"$WORK/out" || fail "replay: $(cat "$WORK/out")"
state a "$WORK/after"
"$PYTHON" - "$WORK/diff.json" "$WORK/before" "$WORK/after" <<'PY' || fail "the diff did not show what then changed"
import json, sys
diff = json.load(open(sys.argv[1]))
def ids(path):
    return {json.loads(line)["id"] for line in open(path) if line.startswith('{"id"') and '"council_id"' in line}
before, after = ids(sys.argv[2]), ids(sys.argv[3])
gone, new = {e["id"] for e in diff["gone"]}, {e["id"] for e in diff["new"]}
print(len(before), "before,", len(after), "after;", len(gone), "gone,", len(new), "new;", len(diff["levels"]), "levels changed;", diff["documents"], "documents")
assert diff["documents"] == 2
assert gone and gone == before - after, (len(gone), len(before - after))
assert new and new == after - before, (len(new), len(after - before))
assert diff["levels"]
PY
passed "a diff shows what a replay then does"

instance b 'fetching = false'
start b
cw b import --feed ofsted-ilacs-summary --fetched-at 2024-12-09T11:09:21Z "$DATA/ilacs/2024-12-09T110921Z_ilacs.html" >"$WORK/out" || fail "import"
cw b import --feed ofsted-ilacs-summary --fetched-at 2024-12-23T10:27:15Z "$DATA/ilacs/2024-12-23T102715Z_ilacs.html" >"$WORK/out" || fail "import"
cw b import --feed area-send-summary --fetched-at 2024-12-23T08:59:46Z "$DATA/send/2024-12-23T085946Z_send.html" >"$WORK/out" || fail "import"
state b "$WORK/fresh"
same "$WORK/fresh" "$WORK/after" "after a replay everything is as if the documents had come under this configuration"
stop b
cw a alerts --json | tail -n +$((alerts + 1)) | grep -v '"imported":true' | grep -q . && fail "a replay told somebody"

# From nothing but the inbox, with the daemon killed on the way.
stop a
rm "$WORK/a/state/councilwatch.db"*
start a
cw a replay >"$WORK/out" 2>&1 &
replay=$!
sleep 0.2
kill -KILL "$(pid_of a)"
start a
wait "$replay" || fail "the replay did not survive the daemon: $(cat "$WORK/out")"
state a "$WORK/after"
same "$WORK/fresh" "$WORK/after" "everything follows from the kept documents, although the daemon was killed on the way"
stop a
