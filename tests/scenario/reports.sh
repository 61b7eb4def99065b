#!/bin/bash
# Inspection reports through the real daemon, read by a normaliser that is shut in: what is in them, and what hostile PDFs come to.
. "$(dirname "$0")/lib.sh"
instance a 'fetching = false'
start a
evidence() { cw a evidence --json >"$WORK/evidence"; }
holds() { "$PYTHON" - "$WORK/evidence" "$1" <<'PY' || fail "not so: $1"
import json, sys
e = {(row["council_id"], row["kind"]): row for row in map(json.loads, open(sys.argv[1], encoding="utf-8"))}
sys.exit(not eval(sys.argv[2]))
PY
}

cw a import --feed ofsted-reports "$DATA"/reports/*.pdf >"$WORK/out" 2>"$WORK/err"
[ $? -eq 1 ] || fail "the page that is no report should give status 1: $(cat "$WORK/out" "$WORK/err")"
evidence
holds 'len(e) == 4'
holds 'e["milton-keynes", "ilacs"]["values"]["overall_effectiveness"] == "requires_improvement" and e["milton-keynes", "ilacs"]["event_date"] == "2021-10-25"'
holds 'e["isles-of-scilly", "ilacs"]["values"]["care_leavers"] == "requires_improvement" and e["isles-of-scilly", "ilacs"]["publisher"] == "Ofsted"'
holds 'e["sheffield", "sif"]["values"]["overall_effectiveness"] == "requires_improvement" and e["sheffield", "sif"]["quote"] == "The overall judgement is requires improvement"'
holds 'not any("overall" in name for name in e["surrey", "safeguarding_board_review"]["values"]) and e["surrey", "safeguarding_board_review"]["published_at"].startswith("2015-08-03")'
cw a quarantine --json | grep -q 'an HTML page, not an inspection report as PDF' || fail "the HTML page is not in quarantine as what it is"
passed "reports give evidence with grade, day, quote and page; an HTML page is quarantined as what it is"

for process in /proc/[0-9]*; do
	[ "$(cat "$process/comm" 2>/dev/null)" = councilwatch-no ] && [ "$(sed -n 's/^PPid:\t//p' "$process/status")" = "$(pid_of a)" ] || continue
	[ "$(sed -n 's/^Seccomp:\t//p' "$process/status")" = 2 ] || { grep -q 'sandbox.partial' "$WORK/a/daemon.log" || fail "a normaliser is not shut in"; }
done
passed "the normalisers were shut in"

"$PYTHON" - "$WORK" "$DATA/reports/milton-keynes-2021.pdf" <<'PY'
import sys, zlib
work, real = sys.argv[1], open(sys.argv[2], "rb").read()

def pdf(name, objects):
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number + 1, body)
    xref = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, xref)
    open("%s/%s.pdf" % (work, name), "wb").write(out)

def stream(data, more=b""):
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(data), more, data)

root, pages = b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] /Contents 4 0 R /Resources << %s >> >>"
font = b"/Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>"
pdf("pages-in-a-ring", [root, b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 7 >>"])
pdf("more-pages-than-there-are", [root, b"<< /Type /Pages /Kids [3 0 R] /Count 2000000000 >>", page % font, stream(b"")])
pdf("a-form-that-draws-itself", [root, pages, page % b"/XObject << /X 5 0 R >>", stream(b"/X Do"),
                                 stream(b"/X Do /X Do", b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 5 0 R >> >>")])
bomb = zlib.compress(b"BT /F1 1 Tf 1 1 Td (a b c) Tj ET " * 300000, 9)
pdf("ten-megabytes-of-text", [root, pages, page % font, stream(bomb, b"/Filter /FlateDecode")])
pdf("a-gigabyte-of-nothing", [root, pages, page % font, stream(zlib.compress(zlib.compress(b" " * (1 << 30), 9), 9), b"/Filter [/FlateDecode /FlateDecode]")])
for part in (1, 5, 9):
    open("%s/cut-%d.pdf" % (work, part), "wb").write(real[:len(real) * part // 10])
PY
began=$SECONDS
timeout 100 "$CW_BIN/councilwatch" -c "$(conf a)" import --feed ofsted-reports "$WORK"/*.pdf >"$WORK/out" 2>"$WORK/err"
[ $? -eq 1 ] || fail "hostile PDFs should give status 1: $(tail -n 3 "$WORK/out" "$WORK/err")"
say "hostile PDFs took $((SECONDS - began)) s; workers that died: $(grep -c 'worker.died' "$WORK/a/daemon.log")"
evidence
holds 'len(e) == 4'
# A fast machine gets through the gigabyte within the normaliser's 10 seconds; on a slow one the watchdog ends it twice.
for name in a-gigabyte-of-nothing pages-in-a-ring cut-1 cut-5 cut-9; do
	grep -qE "/$name\.pdf: rejected, (unparsable|poison|too_large)" "$WORK/out" "$WORK/err" || fail "$name is not refused: $(cat "$WORK/out" "$WORK/err")"
done
cw a import --feed ofsted-reports --fetched-at 2025-01-01 "$DATA/reports/milton-keynes-2021.pdf" >"$WORK/out" 2>&1 || fail "a report behind them: $(cat "$WORK/out")"
passed "hostile and broken PDFs end, say nothing about a council, and stop nothing"
stop a
