#!/bin/bash
# Every command of the command line against real programs: exit status, text for people, JSON for programs.
. "$(dirname "$0")/lib.sh"
instance a 'fetching = false'

# run STATUS ARGUMENT…: its output is in $WORK/out and $WORK/err.
run() {
	local wanted=$1 status
	shift
	cw a "$@" >"$WORK/out" 2>"$WORK/err" </dev/null
	status=$?
	[ $status -eq "$wanted" ] || fail "councilwatch $*: exit status $status, not $wanted: $(head -c 600 "$WORK/err")"
}
json() { "$PYTHON" -c 'import json, sys
text = open(sys.argv[1], encoding="utf-8").read()
value = [json.loads(line) for line in text.splitlines()] if sys.argv[2] == "lines" else json.loads(text)
assert eval(sys.argv[3]), sys.argv[3]' "$WORK/out" "$1" "$2" || fail "the JSON is not as wanted ($2): $(head -c 400 "$WORK/out")"; }
says() { grep -Eq -- "$1" "$WORK/out" "$WORK/err" || fail "nothing says '$1': $(head -c 600 "$WORK/out") $(head -c 600 "$WORK/err")"; }

# Before there is anything.
run 0 check
says 'feed "ofsted-ilacs-summary"'
run 0 check --json
json one 'value["ok"] and not value["mistakes"] and value["examples"]["failed"] == 0 and value["examples"]["passed"] > 0 and value["councils"] > 150'
run 1 status
says "[Nn]ot|no daemon|does not"
run 1 import --feed ofsted-ilacs-summary "$DATA/ilacs/2024-12-23T102715Z_ilacs.html"
passed "check reads the shipped configuration back; without a daemon status and import exit 1"
cw a check >"$WORK/printed.conf" 2>/dev/null
"$CW_BIN/councilwatch" -c "$WORK/printed.conf" check --json >"$WORK/out" 2>"$WORK/err" || fail "what check prints cannot be read back: $(cat "$WORK/err")"
json one 'value["ok"]'
passed "what check prints can be read back"

start a
run 0 import --feed ofsted-ilacs-summary --manifest "$DATA/ilacs/MANIFEST.csv" --json
json one 'value["ok"] and len(value["documents"]) == 39 and value["rejected"] == 0 and value["rows"] == 5888 and all(d["outcome"] == "parsed" and len(d["sha256"]) >= 64 for d in value["documents"])'
run 0 import --feed area-send-summary --fetched-at 2024-08-08 "$DATA/send/2024-08-08T164507Z_send.html"
says "39 rows"
run 0 import --feed ofsted-ilacs-summary --fetched-at 2024-12-23T10:27:15Z "$DATA/ilacs/2024-12-23T102715Z_ilacs.html" --json
json one 'value["documents"][0]["duplicate"] and value["alerts"] == 0'
run 1 import --feed ofsted-ilacs-summary "$WORK/there-is-no-such-file"
run 2 import --feed no-such-feed "$DATA/ilacs/2024-12-23T102715Z_ilacs.html"
run 2 import --feed ofsted-ilac-summary "$DATA/ilacs/2024-12-23T102715Z_ilacs.html"
says "ofsted-ilacs-summary"
run 2 import "$DATA/ilacs/2024-12-23T102715Z_ilacs.html"
run 2 import --feed ofsted-ilacs-summary --fetched-at "last week" "$DATA/ilacs/2024-12-23T102715Z_ilacs.html"
printf 'file,captured_at_utc,sha256\n%s,2024-12-23T10:27:15Z,%064d\n' "$DATA/ilacs/2024-12-23T102715Z_ilacs.html" 0 >"$WORK/manifest.csv"
cw a import --feed ofsted-ilacs-summary --manifest "$WORK/manifest.csv" >"$WORK/out" 2>"$WORK/err" && fail "a file that is not what the manifest says was imported"
printf 'file,captured_at_utc\nx.html,yesterday\ny.html,2024-13-01\n' >"$WORK/manifest.csv"
run 2 import --feed ofsted-ilacs-summary --manifest "$WORK/manifest.csv"
says "manifest.csv:2"
says "manifest.csv:3"
passed "import: status 0, 1 and 2, duplicates, manifests and their mistakes with file and line"

run 0 status
says "assessor"
run 0 status --json
json one 'value["running"] and value["healthy"] and {p["role"] for p in value["processes"]} == {"assessor", "normaliser"} and value["backlog"]["documents"] == 0'
run 0 councils
says "intensive +[0-9.]+ +known +Halton|Halton"
run 0 councils --json --as-of 2024-12-31
json one 'len(value) == 153 and [c["council_id"] for c in value[:1]] == ["halton"] and set(value[0]) >= {"council_id", "name", "gss_code", "la_code", "urn", "level", "knowledge", "points", "criteria"}'
run 0 councils --json --level intensive --region "North West" --as-of 2024-12-31
json one 'value and all(c["level"] == "intensive" and c["region"] == "North West" for c in value)'
run 2 councils --level terrible
says "routine|watch|priority|intensive"
run 2 councils --as-of 2024-02-30
run 0 councils --json --as-of 2010-01-01
json one 'all((c["level"] == "routine" or c["criteria"]["specific"]["points"] == 10) and c["knowledge"] == "unknown" for c in value)'
for name in halton Halton 876 E06000006 "Halton Borough Council" HALTON; do
	run 0 explain "$name" --json --as-of 2024-12-31
	json one 'value["council"]["id"] == "halton" and value["level"] == "intensive" and value["contributors"] and value["would_lower"] and value["constants"] and value["model"]["config"].startswith("sha256:")'
done
run 0 explain Halton --as-of 2024-12-31
for words in "https://files.ofsted.gov.uk/v1/file/50252259" "sha256:" "weight 60" "2024-05-13" "lower"; do says "$words"; done
run 1 explain Atlantis
run 1 explain Northampton
run 2 explain
passed "status, councils and explain, by every kind of name; what is no council is not guessed"

run 0 council "314 / 318" "Kingston upon Thames / Richmond upon Thames" --json --as-of 2023-09-30
json one 'value["outcome"] == "resolved" and [c["id"] for c in value["councils"]] == ["kingston-upon-thames", "richmond-upon-thames"]'
run 0 council Dorset --json --as-of 2018-06-01
json one '[c["id"] for c in value["councils"]] == ["dorset-county"] and {e["successor"] for e in value["councils"][0]["lineage"]} == {"dorset", "bournemouth-christchurch-and-poole"} and {"scheme": "gss", "text": "E10000009", "from": None, "to": "2019-03-31"} in value["councils"][0]["aliases"]'
run 0 council "Bradford Children and Families Trust" --as-of 2024-01-01
for words in "named by what acts for it: Bradford Children and Families Trust" "City of Bradford" "gss +E08000032" "mysociety +BRD"; do says "$words"; done
run 0 council Cumbria
says "followed on 2023-04-01 by Cumberland"
run 1 council Cumbria --as-of 2024-01-01
says "council_not_then: .*only until 2023-03-31"
run 1 council 80449 Wakefield --json
json one 'value["outcome"] == "council_conflict" and value["councils"] == [] and "Bradford" in value["detail"]'
run 1 council Gloucester
says "not_a_council"
run 2 council
passed "council tells which one the texts of a row name, and what the tables say of it"

run 0 evidence --json
json lines 'len(value) > 316 and all(set(e) >= {"id", "kind", "council_id", "event_date", "published_at", "fetched_at", "publisher", "tier", "url", "title", "quote", "values", "feed", "document", "row"} for e in value)'
run 0 evidence Halton --kind area_send --json
json lines 'len(value) == 1 and value[0]["values"] == {"outcome": 3}'
run 0 evidence --since 2024-12-01 --kind ilacs --json
json lines 'value and all(e["published_at"] >= "2024-12-01" for e in value)'
run 0 evidence Halton
says "50252259"
run 2 evidence --kind nonsense
run 1 evidence Atlantis
run 0 alerts --json
json lines '[a["data"]["seq"] for a in value] == list(range(1, len(value) + 1)) and all(a["specversion"] == "1.0" and a["source"] == "/councilwatch/main" and a["data"]["imported"] for a in value)'
run 0 alerts --since 90 --json
json lines 'value[0]["data"]["seq"] == 91'
run 0 alerts --kind level_down --json
json lines 'value and all(a["data"]["kind"] == "level_down" for a in value)'
run 0 alerts
says "Swindon"
run 0 alerts --digest
says "^Week of 2024-07-1[0-9]: [0-9]+ alerts?, #"
says "^  [0-9]+ councils?, level_up (routine|watch|priority) -> [a-z]+: .* \(.*\): .*Halton"
run 2 alerts --digest --json
run 2 alerts --kind nonsense
run 2 alerts --since many
run 0 watch --since 0 --count 5 --timeout 20 --json
json lines '[a["data"]["seq"] for a in value] == [1, 2, 3, 4, 5]'
run 0 watch --since 0 --count 1 --timeout 20 council/halton/ --json
json lines 'value[0]["subject"] == "halton"'
run 1 watch --count 1 --timeout 1
run 0 watch --timeout 1
run 0 history Medway --json
json one 'value["changes"]'
run 0 history Medway
says "floor_closed"
says "^ {11}[-?wpi]{60}$"
run 0 history Medway --csv
says "council_id,time,kind,level,previous_level,knowledge,points,text"
says "medway,"
run 0 councils --criterion ofsted --level intensive --since 2024-01-01 --json
json one 'value and all(c["criteria"]["ofsted"]["level"] == "intensive" and c["since"] == "2024-01-01" and c["previous_level"] for c in value)'
json one 'any(c["previous_level"] != "intensive" and c["previous_points"] < c["points"] for c in value)'
json one 'all((c["why"] is None) == (c["previous_level"] == c["criteria"]["ofsted"]["level"]) for c in value)'
run 0 councils --criterion ofsted --since 2024-01-01
says "up from"
run 0 councils --criterion ofsted --since 2024-01-01 --csv
says "previous_level,previous_points"
run 0 councils --since 2024-01-01 --moved --json
json one 'value and all(c["why"] and c["previous_level"] != c["level"] for c in value)'
json one 'any(c["name"] == "Halton" and c["why"].startswith("full inspection of children") and "2024-" in c["why"] for c in value)'
run 0 councils --since 2024-01-01 --moved
says "^Moved since 2024-01-01 \([0-9]+\):"
says "^  Halton +watch +intensive +full inspection of children's services: inadequate \(.*, 2024-"
COLUMNS=80 run 0 councils --since 2024-01-01
[ "$(awk 'length > 80' "$WORK/out" | wc -l)" -eq 0 ] || fail "lines are longer than the terminal: $(awk 'length > 80' "$WORK/out" | head -n 3)"
run 2 councils --moved
run 0 councils --window --json --as-of 2024-12-31
json one 'all(c["inspection_window"] is None or c["inspection_window"]["from"] < c["inspection_window"]["until"] for c in value) and any(c["inspection_window"] for c in value)'
run 0 councils --window --csv --as-of 2024-12-31
says "^halton,.*,2024-05-13,2027-05-14,2031-02-02,before"
run 0 councils --window --as-of 2024-12-31
says "Halton .* 2027-05 to 2031-02"
run 2 councils --criterion ofstead
run 2 councils --since 2999-01-01
run 0 quarantine list --json
json one 'value and all(q["reason"] == "bad_value" and q["text"] == "to requires improvement" and q["mend"] for q in value)'
run 0 quarantine
says "to requires improvement"
passed "evidence, alerts, watch, history and quarantine, with their filters"

run 2
run 2 nonsense
run 2 counsils
says "councils"
run 2 status --nonsense
run 0 --help
run 0 --version
for command in check status councils explain evidence alerts watch import history quarantine; do run 0 $command --help; done
passed "help, version, wrong usage and \"did you mean\""

# Every command that the README names is there.
if [ -f "$CW_SOURCE/README.md" ]; then
	for command in $(grep -oE '(^|[ `])councilwatch( -c [^ ]+)? [a-z]+' "$CW_SOURCE/README.md" | awk '{ print $NF }' | sort -u); do
		case $command in
		check | status | councils | explain | evidence | alerts | watch | import | history | quarantine) run 0 "$command" --help ;;
		esac
	done
fi

mkdir -p "$WORK/bad/feeds.d"
cp "$CW_SOURCE"/config/feeds.d/*.conf "$WORK/bad/feeds.d"
instance bad 'fetchin = true' 'normalisers = many'
sed -i '0,/interval /s//intervall /' "$WORK/bad/feeds.d/ofsted-ilacs-summary.conf"
for command in check status councils "explain halton" evidence alerts; do
	# shellcheck disable=SC2086
	"$CW_BIN/councilwatch" -c "$(conf bad)" $command >"$WORK/out" 2>"$WORK/err"
	[ $? -eq 2 ] || fail "$command with a bad configuration does not exit 2"
	for mistake in "councilwatch.conf:7: .*fetchin.*fetching" "councilwatch.conf:8: .*normalisers" "ofsted-ilacs-summary.conf:[0-9]+: .*intervall.*interval"; do
		says "$mistake"
	done
done
"$CW_BIN/councilwatch" -c "$(conf bad)" check --json >"$WORK/out" 2>"$WORK/err"
json one 'not value["ok"] and len(value["mistakes"]) >= 3 and all(m["file"] and m["line"] and m["text"] for m in value["mistakes"])'
passed "a bad configuration: status 2, every mistake in one run with file, line and the mend"
stop a
run 0 councils --as-of 2024-12-31
run 0 explain Halton
run 0 alerts
passed "the database answers without the daemon"
