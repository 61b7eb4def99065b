#!/bin/bash
# What is kept only for a while: the dry run tells what then happens; texts and documents go, and levels of any day, identities, links and
# dates stay; what waits or is in quarantine stays; what was removed is not taken for new when it comes again.
. "$(dirname "$0")/lib.sh"
instance a 'fetching = false'
start a
NEWS='Leeds council children services column of the week'
NOTE='Placement sufficiency was the concern of that winter.'
WHY='The improvement board had asked for that.'
TODAY=$(date -u +%F)
evidence() { cw a evidence --json "$@"; }
cat >"$WORK/news.xml" <<XML
<?xml version="1.0"?><rss version="2.0"><channel><title>News</title>
<item><title>$NEWS</title><link>https://www.example.org/news/1</link><description>Leeds City Council publishes a plan.</description><pubDate>Mon, 03 Oct 2022 09:00:00 GMT</pubDate><guid>https://www.example.org/news/1</guid></item>
</channel></rss>
XML
cat >"$WORK/inside.ndjson" <<JSON
{"kind":"internal_note","council_id":"leeds","event_date":"2022-01-10","published_at":"2022-01-10T09:00:00Z","fetched_at":"2022-01-10T09:00:00Z","quote":"$NOTE","publisher":"LGA","tier":"A","values":{"severity":"high","author":"children's improvement adviser","expires":"2022-06-01","sensitivity":"internal","criterion":"intel"}}
{"kind":"override","council_id":"bradford","event_date":"2022-02-01","published_at":"2022-02-01T09:00:00Z","fetched_at":"2022-02-01T09:00:00Z","publisher":"LGA","tier":"A","values":{"level":"priority","author":"principal adviser","reason":"$WHY","expires":"2022-05-01"}}
JSON
cat >"$WORK/today.ndjson" <<JSON
{"kind":"internal_note","council_id":"leeds","event_date":"$TODAY","published_at":"${TODAY}T00:00:00Z","quote":"A note of today.","publisher":"LGA","tier":"A","values":{"severity":"low","author":"regional adviser","expires":"$(date -u -d 'now + 30 days' +%F)"}}
JSON
cat >"$WORK/unknown.ndjson" <<JSON
{"kind":"signal","council_id":"nowhere-at-all","event_date":"2022-02-01","published_at":"2022-02-01T00:00:00Z","publisher":"DfE","tier":"A","title":"Nowhere","values":{"signal":"s114_notice","status":"occurred"}}
JSON
cat >"$WORK/personal.ndjson" <<JSON
{"kind":"internal_note","council_id":"kent","event_date":"2022-01-10","published_at":"2022-01-10T09:00:00Z","quote":"Call the duty desk on 020 7946 0123 about it.","publisher":"LGA","tier":"A","values":{"severity":"high","author":"children's improvement adviser","expires":"2022-06-01"}}
JSON
bring() { cw a import --feed "$1" --fetched-at "$2" "$WORK/$3" >"$WORK/out" 2>&1 || :; }
bring bbc-england 2022-10-03T10:00:00Z news.xml
bring evidence 2022-02-02T10:00:00Z inside.ndjson
bring notes "$(date -u +%FT%TZ)" today.ndjson
bring evidence 2022-02-03T10:00:00Z unknown.ndjson
bring evidence 2022-02-04T10:00:00Z personal.ndjson
[ "$(evidence | wc -l)" = 4 ] || fail "four statements, not: $(evidence)"
evidence | grep -q "$NEWS" || fail "the news item is not kept: $(evidence)"
DAYS="2022-01-15 2022-02-15 2022-04-20 2022-06-10 2022-10-04 2023-01-01 $TODAY"
picture() { for day in $DAYS; do cw a councils --json --as-of "$day"; done; for c in leeds bradford kent; do cw a history "$c" --csv; done; }
# Without what is meant to go.
levels() { picture | sed -E 's/"(author|reason)":"[^"]*"//g; s/(principal adviser|a role no longer kept)//g'; }
# Identity, dates and links of each statement: all but its text.
identities() { evidence | "$PYTHON" -c 'import json, sys
for line in sys.stdin:
    e = json.loads(line)
    print(e["id"], e["kind"], e["council_id"], e["event_date"], e["published_at"], e["fetched_at"], e["url"], e["document"], {k: v for k, v in e["values"].items() if k not in ("author", "reason")})' | sort; }
levels >"$WORK/before"; identities >"$WORK/ids"
grep -q '"level":"priority"' "$WORK/before" && grep -q '"level":"watch"' "$WORK/before" || fail "the history tests nothing"

rows() { "$PYTHON" -c 'import json, sys
for r in json.load(sys.stdin)["rows"]: print(r["rule"], r["what"], r["feed"], r["n"], (r["oldest"] or "")[:10])' | sort; }
cw a retention --json | rows >"$WORK/dry" || fail "a dry run"
diff "$WORK/dry" - <<END || fail "the dry run tells something else"
news_text statements bbc-england 1 2022-10-03
notes statements evidence 2 2022-01-10
END
cw a retention | grep -q 'Would be removed on' || fail "$(cw a retention)"
cw a retention --as-of 2022-10-20 --json | rows | grep . && fail "something was due then: $(cw a retention --as-of 2022-10-20)"
cw a retention --as-of 2022-11-02 --json | rows | grep -qx 'news_text statements bbc-england 1 2022-10-03' || fail "news are due after 30 days: $(cw a retention --as-of 2022-11-02)"
cw a retention --as-of 2024-06-01 --json | rows | grep -qx 'notes statements evidence 2 2022-01-10' || fail "notes are due 2 years after: $(cw a retention --as-of 2024-06-01)"
cw a retention --as-of 2024-05-30 --json | rows | grep -qx 'notes statements evidence 1 2022-02-01' || fail "only the ruling is due then: $(cw a retention --as-of 2024-05-30)"
evidence | grep -q "$NOTE" || fail "a dry run removes"
cw a retention --apply --as-of "$(date -u -d 'now + 2 days' +%F)" 2>"$WORK/err" && fail "a day to come is applied"
passed "the dry run tells by rule and feed what is due, on any day, and removes nothing"

cw a retention --apply --json | rows >"$WORK/applied" || fail "apply"
diff "$WORK/dry" "$WORK/applied" || fail "what was removed is not what was told"
cw a retention --json | rows | grep . && fail "still due: $(cw a retention)"
evidence | "$PYTHON" -c '
import hashlib, json, sys
note, why, today = sys.argv[1:]
sha = lambda t: hashlib.sha256(t.encode()).hexdigest()
for e in map(json.loads, sys.stdin):
    if e["event_date"] == today: assert e["quote"] == "A note of today.", e
    else: assert e["quote"].startswith("text removed on %s by retention, sha256 " % today), e
    if e["kind"] == "internal_note" and e["event_date"] != today: assert e["quote"].endswith(sha(note)) and e["values"]["author"] == "a role no longer kept", e
    if e["kind"] == "override": assert e["quote"].endswith(sha(why)) and e["values"]["reason"] == "removed by retention", e' "$NOTE" "$WHY" "$TODAY" || fail "texts: $(evidence)"
levels >"$WORK/after"
diff "$WORK/before" "$WORK/after" >&2 || fail "levels or history changed"
identities | diff "$WORK/ids" - >&2 || fail "identities changed"
cw a explain leeds --as-of 2022-03-01 | grep -q 'text removed on' || fail "explain does not tell that a text was removed: $(cw a explain leeds --as-of 2022-03-01)"
cw a alerts --json | grep -e "$NOTE" -e "$WHY" -e "$NEWS" && fail "an alert keeps the text"
cw a audit --action retention --json | grep -q '"n":3' || fail "the run is not told: $(cw a audit --action retention)"
passed "what was told is removed, leaving a hash; levels of seven days, history and identities stay as they were"

bring evidence 2022-02-02T10:00:00Z inside.ndjson; bring evidence 2022-03-02T10:00:00Z inside.ndjson; bring bbc-england 2022-10-03T10:00:00Z news.xml
identities | cut -d' ' -f1-5 | diff <(cut -d' ' -f1-5 "$WORK/ids") - >&2 || fail "what comes again is taken for new"
evidence | grep -e "$NOTE" -e "$NEWS" && fail "a text came back"
passed "what comes again is known, and its text does not come back"

# Everything was stored so long ago.
age() { stop a; "$PYTHON" -c 'import sqlite3, sys
db = sqlite3.connect(sys.argv[1]); db.execute("UPDATE document SET stored_at = stored_at - ? * 86400000", (int(sys.argv[2]),)); db.commit()' "$WORK/a/state/inbox.db" "$1"; start a; }
age 31
cw a retention --json | rows >"$WORK/dry"
diff "$WORK/dry" - <<END || fail "after 31 days"
news_text documents bbc-england 1 $(date -u -d 'now - 31 days' +%F)
refused documents evidence 1 $(date -u -d 'now - 31 days' +%F)
END
age 769
cw a retention --json | rows | cut -d' ' -f1-4 >"$WORK/dry"
diff "$WORK/dry" - <<END || fail "after 800 days"
documents documents evidence 2
documents documents notes 1
documents kept_in_quarantine evidence 1
news_text documents bbc-england 1
refused documents evidence 1
END
size() { "$PYTHON" -c 'import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).execute("SELECT (SELECT count(*) FROM content), (SELECT count(*) FROM chunk), (SELECT count(*) FROM document)").fetchone())' "$WORK/a/state/inbox.db"; }
before=$(size)
cw a retention --apply --json | rows | cut -d' ' -f1-4 | diff "$WORK/dry" - || fail "what was removed is not what was told"
[ "$before/$(size)" = "5 5 6/1 1 6" ] || fail "contents, chunks, documents: $before, then $(size)"
cw a replay >"$WORK/out" || fail "replay"
grep -q '^1 documents were read again' "$WORK/out" && grep -q '^5 were removed by retention' "$WORK/out" || fail "replay says $(cat "$WORK/out")"
identities | cut -d' ' -f1-5 | diff <(cut -d' ' -f1-5 "$WORK/ids") - >&2 || fail "replay took evidence of removed documents away"
bring evidence 2022-02-02T10:00:00Z inside.ndjson
identities | cut -d' ' -f1-5 | diff <(cut -d' ' -f1-5 "$WORK/ids") - >&2 || fail "a removed document that comes again is taken for new"
[ "$(size)" = "1 1 6" ] || fail "a removed document that comes again is stored again: $(size)"
levels | diff "$WORK/before" - >&2 || fail "levels or history changed"
cw a check --storage >"$WORK/out" 2>&1 || fail "check --storage: $(cat "$WORK/out")"
stop a
cat "$WORK"/a/state/*.db* | grep -aqF -e "$NOTE" -e "$WHY" -e "$NEWS" && fail "a text is still in a file"
passed "documents go by their rules, those in quarantine for what can be mended stay; what they said stays"

sed -i '1i retention { evidence = "1 years" contract_end = "2020-03-31" documents = "none" }' "$(conf a)"
start a
cw a retention --json | rows | grep -q '^evidence everything' || fail "the contract is over: $(cw a retention)"
cw a retention --apply >/dev/null || fail "apply"
[ -z "$(evidence)" ] && [ "$(size)" = "0 0 6" ] || fail "something is left: $(evidence) $(size)"
cw a councils --json | grep -q '"level":"priority"' && fail "a level is left"
bring evidence 2022-03-05T10:00:00Z inside.ndjson
[ "$(cw a alerts --json | "$PYTHON" -c 'import json, sys
seqs = [json.loads(l)["data"]["seq"] for l in sys.stdin if "data" in json.loads(l)]; print(len(seqs) > 0 and seqs == list(range(seqs[0], seqs[0] + len(seqs))) and seqs[0] > 1)')" = True ] || fail "alerts after that: $(cw a alerts --json | cut -c1-200)"
sed -i '1d' "$(conf a)"; sed -i '1i retention { news_text = "30 lightyears" }' "$(conf a)"
cw a status 2>"$WORK/err" >/dev/null; grep -q "councilwatch.conf:1: news_text is \"30 lightyears\"; write a number of days" "$WORK/err" || fail "$(cat "$WORK/err")"
passed "when the contract has been over for long enough everything goes; a rule that cannot be read is refused"
