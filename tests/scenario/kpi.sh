#!/bin/bash
# The support ledger and the KPIs over the real captures: figures against an independent calculation, with and without a daemon,
# several writers at once, corrections, and evidence that comes when the period is over.
. "$(dirname "$0")/lib.sh"
instance a 'fetching = false'
EVENT() { printf '{"kind":"signal","council_id":"%s","event_date":"%s","published_at":"%s","fetched_at":"%s","publisher":"Ofsted","tier":"A","url":"https://reports.ofsted.gov.uk/x","title":"t","values":{"signal":"%s","status":"%s"}}\n' "$@"; }

# Before there is anything.
cw a offer list >"$WORK/out" || fail "an empty ledger cannot be listed"
grep -q '^0 offers' "$WORK/out" || fail "an empty ledger: $(cat "$WORK/out")"
cw a kpi --period 2023-24 >"$WORK/out" || fail "without databases there are no figures"
cw a offer late >"$WORK/out" 2>&1 && fail "who is late cannot be known without alerts"
passed "without databases the ledger is empty, every count is 0, and nobody is said to be in time"

start a
cw a import --feed ofsted-ilacs-summary --manifest "$DATA/ilacs/MANIFEST.csv" >"$WORK/out" 2>&1 || fail "import: $(tail -n 2 "$WORK/out")"
cw a import --feed area-send-summary --manifest "$DATA/send/MANIFEST.csv" >"$WORK/out" 2>&1 || fail "import: $(tail -n 2 "$WORK/out")"
cw a alerts --json >"$WORK/alerts" || fail "alerts"
cw a evidence --json >"$WORK/evidence" || fail "evidence"
n=$("$PYTHON" "$CW_SOURCE/tests/scenario/kpi_check.py" offers "$WORK/alerts" "$WORK/offers.csv") || fail "no ledger could be made"

# With the daemon running, three at once: all of it is there once.
for i in 1 2 3; do cw a offer import "$WORK/offers.csv" --json >"$WORK/import.$i" 2>"$WORK/import.$i.err" & pids[i]=$!; done
for i in 1 2 3; do wait "${pids[i]}" || fail "import $i: $(cat "$WORK/import.$i.err")"; done
"$PYTHON" - "$n" "$WORK"/import.[123] <<-'PY' || fail "three imports at once: $(cat "$WORK"/import.[123])"
	import json, sys
	runs = [json.load(open(path)) for path in sys.argv[2:]]
	n = int(sys.argv[1])
	assert sorted(run["new"] for run in runs) == [0, 0, n] and sum(run["known"] for run in runs) == 2 * n and not any(run["versions"] for run in runs), runs
	PY
passed "$n offers are recorded once by three imports at once, while the daemon runs"
stop a

cw a kpi --period 2023-24 --json >"$WORK/kpi.json" 2>"$WORK/err" || fail "kpi: $(cat "$WORK/err")"
cw a kpi --period 2024-25 --json >"$WORK/kpi2.json" 2>"$WORK/err" || fail "kpi: $(cat "$WORK/err")"
cw a offer late --all --since 2023-04-01 --as-of 2024-12-31 --json >"$WORK/none-known.json" || fail "offer late"
# What was recorded today was not known then: it is brought over once more, into a ledger that says so.
mkdir -p "$WORK/b" && cp -r "$WORK/a/state" "$WORK/b/state" && rm -f "$WORK"/b/state/ledger.db*
instance b 'fetching = false'
cw b offer import --known-at 2023-01-01 "$WORK/offers.csv" >"$WORK/out" || fail "import --known-at"
cw b offer late --all --since 2023-04-01 --as-of 2024-12-31 --json >"$WORK/late.json" || fail "offer late"
"$PYTHON" "$CW_SOURCE/tests/scenario/kpi_check.py" check "$WORK/alerts" "$WORK/evidence" "$WORK/offers.csv" "$WORK/late.json" "$WORK/kpi.json" "$WORK/kpi2.json" >"$WORK/out" 2>"$WORK/err" ||
	fail "an independent calculation differs: $(head -n 12 "$WORK/err")"
passed "without a daemon, KPIs and who is late agree with an independent calculation ($(cat "$WORK/out"))"
[ "$(grep -c '"alert"' "$WORK/none-known.json")" -gt "$(grep -c '"alert"' "$WORK/late.json")" ] || fail "as of 2024 a ledger written today was known"
passed "what was recorded later is not known as of an earlier day"

cw b kpi --period 2023-24 --as-of 2024-06-30 --json >"$WORK/then.json" || fail "kpi --as-of"
"$PYTHON" - "$WORK/kpi.json" "$WORK/then.json" <<-'PY' || fail "the population moved with the as-of day"
	import json, sys
	now, then = ({k["id"]: k for k in json.load(open(path))} for path in sys.argv[1:])
	of = lambda kpi: {c["council_id"] for c in kpi["councils"]}
	for name in "offer-in-time engaged several-tiers send-offered leaders-engaged live-plans judgement-kept".split():
	    assert of(now[name]) == of(then[name]) and now[name]["period"]["closed"], name
	PY
passed "the population of a period that is over is the same on a later as-of day"

# Evidence about the period that comes when it is over moves nothing; the same evidence, known in time, does.
start a
EVENT leeds 2024-02-01 2024-02-20 2024-04-02 send_outcome3 open >"$WORK/late.ndjson"
EVENT leeds 2024-02-01 2024-02-21 2024-04-02 ilacs_ri open >>"$WORK/late.ndjson"
EVENT leeds 2024-02-01 2024-02-21 2024-04-02 lmcs_change occurred >>"$WORK/late.ndjson"
cw a import --feed evidence --fetched-at 2024-04-02 "$WORK/late.ndjson" >"$WORK/out" 2>&1 || fail "import: $(cat "$WORK/out")"
cw a kpi --period 2023-24 --json >"$WORK/after.json" || fail "kpi"
cmp "$WORK/kpi.json" "$WORK/after.json" || fail "evidence that came later moved a closed period"
cw a kpi lead-members-offered --period 2024-02 | grep -q '0 of 0' || fail "a change that nobody knew of was counted"
sed 's/leeds/york/; s/2024-02-2/2024-02-1/; s/2024-04-02/2024-03-01/' "$WORK/late.ndjson" >"$WORK/early.ndjson"
cw a import --feed evidence --fetched-at 2024-03-01 "$WORK/early.ndjson" >"$WORK/out" 2>&1 || fail "import: $(cat "$WORK/out")"
cw a kpi send-offered --period 2023-24 --json >"$WORK/one.json" || fail "kpi"
grep -q '"york"' "$WORK/one.json" || fail "evidence that was there in time is not counted"
grep -q '"leeds"' "$WORK/one.json" && fail "leeds was not known in time"
cw a kpi lead-members-offered --period 2023-24 --councils | grep -Eq 'York +missing +lmcs_change +2024-02-11 +2024-03-08' || fail "a new lead member is not counted: $(cw a kpi lead-members-offered --period 2023-24 --councils)"
passed "evidence that comes after a period does not move it; what was known in time counts"

# The offer to the new lead member: by hand, then another row.
id=$(cw a offer add York --strand csc --tier universal --status offered --offered-at 2024-03-08 --product "lead member training" --contact-role lmcs 2>/dev/null) || fail "offer add"
cw a kpi lead-members-offered --period 2023-24 | grep -q '1 of 1 = 100.0%' || fail "the 20th working day is not within 20"
cw a kpi lead-members-trained --period 2023-24 | grep -q '0 of 1 = 0.0%' || fail "an offer is no training"
cw a offer add --id "$id" --status delivered --status-at 2024-04-19 >/dev/null 2>&1 || fail "another row"
cw a kpi lead-members-trained --period 2023-24 | grep -q '1 of 1 = 100.0%' || fail "training within 60 working days"
cw a offer add --id "$id" --offered-at 2024-03-12 >/dev/null 2>&1 || fail "a correction"
cw a kpi lead-members-offered --period 2023-24 | grep -q '0 of 1 = 0.0%' || fail "after the correction it was too late"
[ "$(cw a offer show "$id" --json | grep -c '"version"')" -eq 3 ] || fail "the rows before are gone"
cw a offer add --id "$id" --offered-at 2024-03-12 2>"$WORK/err" >/dev/null && grep -q 'says so already' "$WORK/err" || fail "the same again"
passed "by hand, a step and a correction are rows of their own, and the KPIs follow"

# Nothing in it can be changed or taken out.
"$PYTHON" - "$WORK/a/state/ledger.db" <<-'PY' || fail "the ledger can be changed"
	import sqlite3, sys
	db = sqlite3.connect(sys.argv[1])
	before = db.execute("SELECT count(*), sum(id) FROM offer_row").fetchone()
	for sql in ("UPDATE offer_row SET days = 100", "DELETE FROM offer_row", "INSERT OR REPLACE INTO offer_row SELECT * FROM offer_row"):
	    try:
	        db.execute(sql)
	        sys.exit(sql)
	    except sqlite3.IntegrityError as error:
	        assert "append-only" in str(error), error
	assert db.execute("SELECT count(*), sum(id) FROM offer_row").fetchone() == before
	PY
printf 'offer_id,council_id,strand,tier,status,offered_at,trigger_alert_id,contact_role\nx1,leeds,csc,targeted,offered,2024-01-02,nothing,dcs\nx2,Leedz,csc,targeted,offered,2024-01-02,,Mrs Smith\nx3,leeds,csc,targeted,offered,2024-01-02,,dcs\n' >"$WORK/bad.csv"
cw a offer import "$WORK/bad.csv" >"$WORK/out" 2>"$WORK/err"; [ $? -eq 2 ] || fail "mistakes must end with 2"
grep -q "bad.csv:2: trigger_alert_id 'nothing' is the id of no alert" "$WORK/err" && grep -q "bad.csv:3: council_id 'Leedz' is no council; did you mean 'leeds'?" "$WORK/err" &&
	grep -q "bad.csv:3: contact_role seems to hold a person's name" "$WORK/err" || fail "the mistakes: $(cat "$WORK/err")"
cw a offer show x3 >/dev/null 2>&1 && fail "a file with mistakes was taken in part"
cw a offer import --partial "$WORK/bad.csv" >"$WORK/out" 2>/dev/null; [ $? -eq 1 ] || fail "--partial must end with 1"
cw a offer show x3 >/dev/null || fail "--partial did not take the row that is well"
passed "rows are never changed; a file is taken whole, or with --partial what is well"

# What is listed can be read in again, elsewhere, with the same figures.
cw a offer list --csv >"$WORK/list.csv" || fail "offer list"
cw a offer import "$WORK/list.csv" | grep -q '0 new offers, 0 new rows' || fail "the ledger's own list is something new: $(cw a offer import "$WORK/list.csv")"
rm -f "$WORK"/b/state/ledger.db*
cw b offer import "$WORK/list.csv" >/dev/null 2>&1 || fail "the list is not taken elsewhere"
passed "the list that it prints can be imported"
cw a audit --json >"$WORK/audit" || fail "audit"
"$PYTHON" - "$WORK/audit" "$n" <<-'PY' || fail "the audit log does not tell it: $(tail -n 5 "$WORK/audit")"
	import json, sys
	text = open(sys.argv[1]).read()
	rows = json.loads(text) if text.lstrip().startswith("[") else [json.loads(line) for line in text.splitlines()]
	offers = [row for row in rows if row["action"] == "offer"]
	detail = [row["detail"] if isinstance(row["detail"], dict) else json.loads(row["detail"]) for row in offers]
	assert sum(d.get("new", 0) for d in detail) == int(sys.argv[2]) + 1, detail
	assert [d["status"] for d in detail if d["command"] == "add"] == ["offered", "delivered", "delivered"], detail
	assert any(row["action"] == "export" and '"kpi"' in json.dumps(row) for row in rows)
	PY
passed "the audit log has every import, every row by hand, and the exports"
stop a
