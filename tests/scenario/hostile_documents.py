#!/usr/bin/python3
"""Writes documents that were made to do harm into the directory given, with a manifest of lines: feed, file, what it is, outcomes that are
right ("|" between), seconds within which it must be over."""
import io
import json
import os
import sys
import zipfile
import zlib

OUT = sys.argv[1]
manifest = []


def put(feed, name, what, outcomes, data, seconds=20):
    path = os.path.join(OUT, name)
    with open(path, "wb") as file:
        if isinstance(data, bytes):
            file.write(data)
        else:
            for piece in data:
                file.write(piece)
    manifest.append("\t".join([feed, path, what, outcomes, str(seconds)]))


# --- XML: entities that grow, entities of files, depth
LAUGHS = '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a0 "ha">' + "".join(
    '<!ENTITY a%d "%s">' % (i, ("&a%d;" % (i - 1)) * 10) for i in range(1, 12)) + "]><l><r k=\"x\"><n>&a11;</n><d>2024-01-08</d><g>Good</g></r></l>"
OUTSIDE = ('<?xml version="1.0"?><!DOCTYPE l [<!ENTITY f SYSTEM "file:///etc/passwd"><!ENTITY h SYSTEM "http://127.0.0.1:9/x">'
           '<!ENTITY % p SYSTEM "file:///etc/hostname"> %p;]><l><r k="x"><n>&f;&h;</n><d>2024-01-08</d><g>Good</g></r></l>')
put("xml", "laughs.xml", "a billion laughs", "parsed|no_rows|unparsable|too_large|no_evidence", LAUGHS.encode())
put("xml", "quadratic.xml", "one large entity, ten thousand times", "parsed|no_rows|unparsable|too_large|no_evidence",
    b'<!DOCTYPE l [<!ENTITY a "' + b"x" * 100000 + b'">]><l><r k="x"><n>' + b"&a;" * 10000 + b"</n><d>2024-01-08</d><g>Good</g></r></l>")
put("xml", "outside.xml", "entities of files and addresses", "parsed|no_rows|unparsable|no_evidence", OUTSIDE.encode())
put("xml", "deep.xml", "a million elements in one another", "unparsable|too_large|no_rows", (b"<a>" * 1000 for _ in range(1000)))
put("xml", "attributes.xml", "an element with 200,000 attributes", "unparsable|too_large|no_rows|parsed",
    b"<l><r " + b" ".join(b'a%d="x"' % i for i in range(200000)) + b"/></l>")
put("news", "laughs.rss", "a billion laughs in RSS", "parsed|no_rows|unparsable|too_large|no_evidence",
    LAUGHS.replace("<l><r k=\"x\"><n>", "<rss version=\"2.0\"><channel><item><title>").replace("</n><d>2024-01-08</d><g>Good</g></r></l>",
                                                                                    "</title></item></channel></rss>").encode())

# --- HTML
put("html", "deep.html", "half a million tables in one another", "unparsable|too_large|no_rows|missing_column", b"<table><tr><td>" * 500000)
put("html", "spans.html", "a cell that spans a billion columns and rows", "unparsable|too_large|no_rows|missing_column|parsed",
    b"<table><tr><th>council<th>day<th>grade<tr><td colspan=1000000000 rowspan=1000000000>Leeds</table>")
put("html", "comment.html", "a comment that never ends", "unparsable|too_large|no_rows|missing_column", b"<table><!--" + b"-" * 30_000_000)


# --- archives
def archive(entries, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as package:
        for name, data in entries:
            if isinstance(data, int):  # so many zeros, written piecewise
                with package.open(name, "w", force_zip64=True) as file:
                    for _ in range(data // (1 << 20)):
                        file.write(b" " * (1 << 20))
            else:
                package.writestr(name, data)
    return out.getvalue()


TYPES = ('<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Override PartName="/xl/workbook.xml" '
         'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>')
RELS = ('<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" '
        'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>')
BOOK = ('<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
        'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>')
BOOK_RELS = RELS.replace("officeDocument\" Target=\"xl/workbook.xml", "worksheet\" Target=\"worksheets/sheet1.xml")
FRONT = [("[Content_Types].xml", TYPES), ("_rels/.rels", RELS), ("xl/workbook.xml", BOOK), ("xl/_rels/workbook.xml.rels", BOOK_RELS)]
put("xlsx", "bomb.xlsx", "a sheet of 1 GB in 1 MB", "too_large|unparsable", archive(FRONT + [("xl/worksheets/sheet1.xml", 1 << 30)]))
put("xlsx", "laughs.xlsx", "a billion laughs in a sheet", "too_large|unparsable|no_rows|missing_column",
    archive(FRONT + [("xl/worksheets/sheet1.xml", LAUGHS)]))
put("xlsx", "climb.xlsx", "a sheet whose path climbs out of the archive", "unparsable|missing_column|no_rows",
    archive(FRONT[:3] + [("xl/_rels/workbook.xml.rels", BOOK_RELS.replace("worksheets/sheet1.xml", "../../../../etc/passwd"))]))
put("xlsx", "cells.xlsx", "a cell in column XFD of row 1048576, and one beyond", "unparsable|missing_column|no_rows|too_large",
    archive(FRONT + [("xl/worksheets/sheet1.xml", '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1048576">'
                      '<c r="XFD1048576" t="inlineStr"><is><t>x</t></is></c></row><row r="99999999999"><c r="ZZZZZZ99999999999"><v>1</v></c></row></sheetData></worksheet>')]))
put("xlsx", "cut.xlsx", "an archive that ends in the middle", "unparsable", archive(FRONT)[:-60])
put("ods", "bomb.ods", "an ods of 1 GB in 1 MB", "too_large|unparsable",
    archive([("mimetype", "application/vnd.oasis.opendocument.spreadsheet"), ("content.xml", 1 << 30)]))
put("ods", "repeat.ods", "a row that says it is repeated a billion times", "parsed|too_large|unparsable|missing_column|no_rows",
    archive([("mimetype", "application/vnd.oasis.opendocument.spreadsheet"), ("content.xml", (
        '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet><table:table table:name="S"><table:table-row '
        'table:number-rows-repeated="1000000000"><table:table-cell table:number-columns-repeated="1000000000"><text:p>council</text:p></table:table-cell>'
        '</table:table-row></table:table></office:spreadsheet></office:body></office:document-content>'))]))
put("xlsx", "many.xlsx", "an archive of 60,000 files", "too_large|unparsable", archive([("f%d" % i, b"") for i in range(60000)], zipfile.ZIP_STORED))

# --- CSV
HEAD = b"council,day,grade\n"
put("csv", "line.csv", "one line of 200 MB", "too_large|missing_column|unparsable", (b"x" * (1 << 20) for _ in range(200)))
put("csv", "quote.csv", "a quote that is never closed, and ten million rows in it", "parsed|too_large|unparsable|no_evidence",
    (HEAD + b'"' if i == 0 else b"y\n" * (1 << 19) for i in range(20)), 40)
put("csv", "columns.csv", "a million columns", "too_large|missing_column|unparsable", b",".join(b"c%d" % i for i in range(1000000)) + b"\n")
put("csv", "nul.csv", "NULs everywhere", "parsed|unparsable|no_evidence|missing_column", b"council\0,day\0,gr\0ade\nLeeds\0,2024\0-01-08,Good\n" * 100)
put("csv", "utf8.csv", "bytes that are no UTF-8", "parsed|unparsable|no_evidence",
    HEAD + b"".join(b"Leeds\xff\xfe\xc0\xaf\xed\xa0\x80,2024-01-08,Good\n" for _ in range(1000)))
put("csv", "utf16.csv", "UTF-16, as spreadsheets write it", "parsed",
    "\ufeffcouncil,day,grade\nLeeds,2024-01-08,Good\n".encode("utf-16-le"))
put("csv", "odd.csv", "UTF-16 that ends in the middle of a character", "parsed|unparsable|no_evidence",
    "\ufeffcouncil,day,grade\nLeeds,2024-01-08,Good\n".encode("utf-16-le") + b"\x00\xd8\x41")
# What people would see: a terminal's escapes, and formulas for a spreadsheet.
ESCAPES = ("\x1b]0;owned\x07\x1b[2J\x1b[31m", "\x9b31m", "\u202e", "\r\rover", "\x08\x08\x08", "=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)")
put("csv", "escapes.csv", "escapes and formulas in every cell", "parsed|no_evidence",
    (HEAD + b"".join(("%sLeeds,2024-01-08,Good%s\n" % (e, e)).encode() for e in ESCAPES) +
     b"".join(("Leeds,2024-01-08,Good,%s\n" % e).encode() for e in ESCAPES)))
put("notes", "escapes.ndjson", "the same in titles and quotes of evidence", "parsed",
    b"".join(json.dumps({"kind": "ilacs", "council_id": "leeds", "event_date": "2024-01-%02d" % (i + 1), "published_at": "2024-03-01T00:00:00Z",
                         "publisher": e + "P", "tier": "C", "title": e + " title", "quote": e + " quote", "url": "https://example.org/" + str(i),
                         "values": {"overall_effectiveness": "good"}}).encode() + b"\n" for i, e in enumerate(ESCAPES)))

# --- JSON
put("json", "deep.json", "ten million brackets", "unparsable|too_large", b"[" * 10_000_000)
put("json", "number.json", "a number of a million digits", "parsed|unparsable|too_large|no_evidence|no_rows|missing_column",
    b'[{"council":"Leeds","day":"2024-01-08","grade":' + b"9" * 1_000_000 + b"}]")
put("json", "keys.json", "a million keys", "parsed|unparsable|too_large|no_evidence|no_rows|missing_column",
    b"[{" + b",".join(b'"k%d":1' % i for i in range(1000000)) + b"}]")
put("json", "text.json", "one text of 60 MB", "parsed|unparsable|too_large|no_evidence|no_rows|missing_column",
    b'[{"council":"' + b"x" * 60_000_000 + b'"}]', 40)
put("ndjson", "lines.ndjson", "a line of 100 MB", "parsed|unparsable|too_large|no_evidence|no_rows|missing_column",
    (b'{"council":"' if i == 0 else b"x" * (1 << 20) for i in range(100)))


# --- PDF
def pdf(objects, trailer=b"/Root 1 0 R"):
    out, at = b"%PDF-1.7\n", []
    for i, body in enumerate(objects, 1):
        at.append(len(out))
        out += b"%d 0 obj " % i + body + b" endobj\n"
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + b"".join(b"%010d 00000 n \n" % a for a in at)
    return out + b"trailer << /Size %d %s >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer, start)


BOMB = zlib.compress(b"BT /F1 9 Tf (x) Tj ET\n" * 20_000_000, 9) if not os.environ.get("CW_REDUCED") else zlib.compress(b"BT /F1 9 Tf (x) Tj ET\n" * 2_000_000, 9)
WRONG = "unparsable|too_large|no_evidence|no_rows|poison|parsed|missing_column|unrecognised"
put("pdf", "loop.pdf", "pages that are their own children", WRONG,
    pdf([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [2 0 R 2 0 R 2 0 R] /Count 1000000 >>"]))
put("pdf", "count.pdf", "a billion pages that are not there", WRONG,
    pdf([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [3 0 R] /Count 1000000000 >>", b"<< /Type /Page /Parent 2 0 R >>"]))
put("pdf", "bomb.pdf", "a page of 440 MB in 1 MB", WRONG,
    pdf([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
         b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R >>",
         b"<< /Length %d /Filter /FlateDecode >> stream\n" % len(BOMB) + BOMB + b"\nendstream"]), 90)
put("pdf", "script.pdf", "scripts, programs to run and files to open", WRONG,
    pdf([b"<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /JavaScript /JS (app.launchURL\\(\"http://127.0.0.1:9\"\\)) >> /AA << /WC << /S /Launch /F (/bin/sh) >> >> >>",
         b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>", b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>"]))
put("pdf", "noise.pdf", "a megabyte of noise with the front of a PDF", WRONG, b"%PDF-1.7\n" + os.urandom(1 << 20))
put("pdf", "form.pdf", "a form that draws itself", WRONG,
    pdf([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
         b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /XObject << /X 5 0 R >> >> >>",
         b"<< /Length 7 >> stream\n/X Do\n\nendstream",
         b"<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 5 0 R >> >> /Length 12 >> stream\n/X Do /X Do\n\nendstream"]))

print("\n".join(manifest))
