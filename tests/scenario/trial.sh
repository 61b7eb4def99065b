#!/bin/bash
# Other constants, other feeds: what contradicts itself is refused while the old ones stay in use; what is to be tried is shown beforehand;
# and going live does exactly that: the same levels, one alert for each council that it moves, none about the past.
. "$(dirname "$0")/lib.sh"

mkdir -p "$WORK/a/feeds.d"
cp "$CW_SOURCE"/config/feeds.d/{ofsted-ilacs-summary,area-send-summary,evidence}.conf "$WORK/a/feeds.d"
instance a 'fetching = false'
cp "$CW_SOURCE/config/risk.conf" "$WORK/a/risk.conf"
sed "s,^risk_file = .*,risk_file = \"$WORK/a/good.conf\"," "$(conf a)" >"$WORK/a/good-main.conf"
sed -i "s,^risk_file = .*,risk_file = \"$WORK/a/risk.conf\"," "$(conf a)"
cp "$WORK/a/risk.conf" "$WORK/a/good.conf"
good() { "$CW_BIN/councilwatch" -c "$WORK/a/good-main.conf" "$@"; }
start a
good import --feed ofsted-ilacs-summary --fetched-at 2024-12-09T11:09:21Z "$DATA/ilacs/2024-12-09T110921Z_ilacs.html" >"$WORK/out" || fail "import"
good import --feed area-send-summary --fetched-at 2024-12-23T08:59:46Z "$DATA/send/2024-12-23T085946Z_send.html" >"$WORK/out" || fail "import"

# reloads NUMBER EVENT: as many are in the log.
logged() { [ "$(grep -c "$2" "$WORK/a/daemon.log")" -ge "$1" ]; }
hash_of() { good check --json | "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["config"])'; }

cat >"$WORK/a/risk.conf" <<'END'
cap_ofsted = 50
signal "news" { half_life = 0 }
signal "apa_open" { floor = "" }
signal "s114_notise" { weight = 25 }
END
cw a councils >"$WORK/out" 2>&1
[ $? -eq 2 ] || fail "contradictory constants are used: $(head -n 3 "$WORK/out")"
kill -HUP "$(pid_of a)"
wait_until 10 "the reload is refused" logged 4 config.mistake
for line in 'risk.conf:1: cap_ofsted is 50 and signal "ilacs_inadequate" has 60 points' 'risk.conf:2: half_life is 0; the minimum is 1' \
	"risk.conf:3: unknown floor ''; use routine, watch, priority or intensive" "risk.conf:4: unknown signal 's114_notise'; did you mean 's114_notice'?"; do
	sed 's/\\"/"/g' "$WORK/a/daemon.log" | grep -qF "$line" || fail "the log does not say: $line: $(grep config.mistake "$WORK/a/daemon.log")"
done
alive "$(pid_of a)" || fail "the daemon has ended"
logged 1 config.reloaded && fail "it was taken"
good alerts --json >"$WORK/alerts.before"
echo '{"kind":"signal","council_id":"leeds","event_date":"2024-12-24","published_at":"2024-12-24T09:00:00Z","publisher":"Department for Education","tier":"A","url":"https://www.gov.uk/x","values":{"signal":"improvement_notice","status":"open","criterion":"send"}}' >"$WORK/notice"
good import --feed evidence "$WORK/notice" >"$WORK/out" 2>&1 || fail "nothing is taken while a bad risk.conf lies there: $(cat "$WORK/out")"
good alerts --json | tail -n 1 >"$WORK/last"
grep -qF "\"config\":\"$(hash_of)\"" "$WORK/last" && grep -q '"subject":"leeds"' "$WORK/last" || fail "not told with the constants that were in use: $(cat "$WORK/last")"
passed "four contradictions are refused at once, each with its line; the daemon goes on with the constants it has"

# Half of what is RI now is no floor, SEND notices weigh less, and inspections are stale earlier.
cat >"$WORK/a/new.conf" <<'END'
line_watch = 18
stale_ilacs_months = 30
signal "send_outcome2" { weight = 19 }
signal "improvement_notice" { floor = watch }
END
cp "$WORK/a/good.conf" "$WORK/a/risk.conf"
day=2024-12-24
levels() { "$PYTHON" -c 'import json, sys
for c in sorted(json.load(sys.stdin), key=lambda c: c["council_id"]): print(c["council_id"], c["level"], c["knowledge"], c["points"])'; }
cw a councils --json --as-of $day | levels >"$WORK/levels.before"
cw a replay --risk "$WORK/a/new.conf" >"$WORK/out" 2>&1
[ $? -eq 2 ] || fail "--risk without --diff goes through: $(cat "$WORK/out")"
echo 'cap_send = 1' >"$WORK/a/bad.conf"
cw a replay --diff --risk "$WORK/a/bad.conf" >"$WORK/out" 2>&1
[ $? -eq 2 ] && grep -q 'bad.conf:1: cap_send is 1' "$WORK/out" || fail "constants to try are not checked: $(cat "$WORK/out")"
cw a replay --diff --risk "$WORK/a/new.conf" >"$WORK/diff.text" || fail "replay --diff --risk: $(cat "$WORK/diff.text")"
cw a replay --diff --risk "$WORK/a/new.conf" --json >"$WORK/diff.json" || fail "replay --diff --risk --json"
tail -n 1 "$WORK/diff.text" | sed 's/^/    /'
cw a councils --json --as-of $day | levels >"$WORK/levels.still"
same "$WORK/levels.before" "$WORK/levels.still" "trying constants changes nothing"
good alerts --json >"$WORK/alerts.before"

cp "$WORK/a/new.conf" "$WORK/a/risk.conf"
kill -HUP "$(pid_of a)"
wait_until 20 "the constants are taken" logged 1 config.reloaded
wait_until 20 "the workers are ready" logged 2 daemon.ready
assessed() { [ "$(cw a alerts --json | wc -l)" -gt "$(wc -l <"$WORK/alerts.before")" ]; }
wait_until 20 "the levels are worked out" assessed
cw a councils --json --as-of $day | levels >"$WORK/levels.after"
cw a alerts --json >"$WORK/alerts.after"
"$PYTHON" - "$WORK" <<'PY' || fail "what was predicted is not what happened"
import json, sys
work = sys.argv[1]
diff = json.load(open(work + "/diff.json"))
def levels(name):
    return {line.split()[0]: line.split()[1:] for line in open(work + "/levels." + name)}
def alerts(name):
    return [json.loads(line) for line in open(work + "/alerts." + name)]
before, after = levels("before"), levels("after")
happened = {c: (*before[c][:2], *after[c][:2]) for c in after if before[c][:2] != after[c][:2]}
predicted = {c["council_id"]: (c["before"], c["knowledge_before"], c["after"], c["knowledge_after"]) for c in diff["levels"]}
assert predicted == happened, (predicted.items() ^ happened.items())
assert all(abs(c["points"] - float(after[c["council_id"]][2])) < 0.06 for c in diff["levels"])
assert diff["documents"] == 0 and not diff["gone"] and not diff["new"]
old = alerts("before")
told = alerts("after")[len(old):]
assert [a["id"] for a in told] == [a["id"] for a in diff["alerts"]], "other alerts than predicted"
subjects = [a["subject"] for a in told]
moved = {c for c, (was, knew, now, knows) in happened.items() if was != now or (knew == "known" and knows != "known")}
assert len(subjects) == len(set(subjects)) and set(subjects) == moved, "not one alert for each council that moved"
ups = sum(a["data"]["kind"] == "level_up" for a in told)
downs = sum(a["data"]["kind"] == "level_down" for a in told)
lost = sum(a["data"]["kind"] == "knowledge_lost" for a in told)
print("%d up, %d down, %d no longer known" % (ups, downs, lost))
assert ups and downs and lost
for a in told:
    data = a["data"]
    assert data["digest"] and not data["imported"] and data["cause"] == "model/1"
    assert data["model"]["config"] != old[-1]["data"]["model"]["config"]
    assert "nothing new is known" in data["text"], data["text"]
PY
passed "the levels and alerts are those that were predicted, each council once, for the digest"
good import --feed evidence --fetched-at 2024-12-26T00:00:00Z "$WORK/notice" >/dev/null 2>&1
cw a import --feed ofsted-ilacs-summary --fetched-at 2024-12-26T10:27:15Z "$DATA/ilacs/2024-12-09T110921Z_ilacs.html" >"$WORK/out" || fail "import"
cw a alerts --json >"$WORK/alerts.later"
same "$WORK/alerts.after" "$WORK/alerts.later" "the next document tells nothing of what the constants make of the past"
stop a
start a
cw a alerts --json >"$WORK/alerts.later"
same "$WORK/alerts.after" "$WORK/alerts.later" "a restart with the same constants tells nothing"

# Another whole configuration: its feeds and its constants.
mkdir -p "$WORK/other/feeds.d"
cp "$WORK/a/feeds.d"/* "$WORK/other/feeds.d"
sed -i 's/^\( *\)overall_effectiveness *=.*/&\n\1map "overall_effectiveness" { "Inadequate" = "requires_improvement" }/' "$WORK/other/feeds.d/ofsted-ilacs-summary.conf"
sed "s,$WORK/a/feeds.d,$WORK/other/feeds.d,; s,$WORK/a/risk.conf,$WORK/a/good.conf,; s,^state_dir = .*,state_dir = \"/nowhere\"," "$(conf a)" >"$WORK/other/councilwatch.conf"
cw a replay --diff --with "$WORK/other/councilwatch.conf" --json >"$WORK/diff.json" || fail "replay --diff --with"
cw a councils --json --as-of 2024-12-26 | levels >"$WORK/levels.before"
cw a evidence --json >"$WORK/evidence.before"
cp "$WORK/other/feeds.d"/* "$WORK/a/feeds.d"
cp "$WORK/a/good.conf" "$WORK/a/risk.conf"
kill -HUP "$(pid_of a)"
wait_until 20 "the configuration is taken" logged 1 config.reloaded
cw a replay >"$WORK/out" || fail "replay: $(cat "$WORK/out")"
cw a councils --json --as-of 2024-12-26 | levels >"$WORK/levels.after"
cw a evidence --json >"$WORK/evidence.after"
"$PYTHON" - "$WORK" <<'PY' || fail "what was predicted of the other configuration is not what happened"
import json, sys
work = sys.argv[1]
diff = json.load(open(work + "/diff.json"))
def levels(name):
    return {line.split()[0]: line.split()[1:3] for line in open(work + "/levels." + name)}
def ids(name):
    return {json.loads(line)["id"] for line in open(work + "/evidence." + name)}
before, after = levels("before"), levels("after")
happened = {c: tuple(after[c]) for c in after if before[c] != after[c]}
predicted = {c["council_id"]: (c["after"], c["knowledge_after"]) for c in diff["levels"]}
assert predicted == happened, (predicted.items() ^ happened.items())
assert {e["id"] for e in diff["gone"]} == ids("before") - ids("after") != set()
assert {e["id"] for e in diff["new"]} == ids("after") - ids("before") != set()
print("%d levels, %d pieces of evidence" % (len(happened), len(diff["new"])))
PY
passed "so are evidence and levels of another whole configuration"
stop a
