#!/usr/bin/python3
"""make_report_pdf.py FILE.txt FILE.pdf: draws lines of text as a small PDF, for cases of tests/golden/ilacs-report.

Each line stands where it stands in the file: 6 points a column, 14 a line; a form feed begins a page. Three blanks or more part
columns. Characters outside ASCII must be of Windows-1252.
"""
import re
import sys


def escaped(text):
    return "".join("\\" + c if c in "()\\" else c if " " <= c <= "~" else "\\%03o" % c.encode("cp1252")[0] for c in text)


def content(page):
    out = ["BT /F1 10 Tf"]
    for row, line in enumerate(page.split("\n")):
        for piece in re.finditer(r"\S+(?: {1,2}\S+)*", line):
            out.append("1 0 0 1 %d %d Tm (%s) Tj" % (36 + 6 * piece.start(), 806 - 14 * row, escaped(piece.group())))
    return "\n".join(out + ["ET"])


def pdf(text):
    pages = text.rstrip("\f\n").split("\f")
    objects = ["<< /Type /Catalog /Pages 2 0 R >>",
               "<< /Type /Pages /Kids [%s] /Count %d >>" % (" ".join("%d 0 R" % (4 + 2 * i) for i in range(len(pages))), len(pages)),
               "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"]
    for i, page in enumerate(pages):
        drawn = content(page)
        objects.append("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 842 842] /Contents %d 0 R /Resources << /Font << /F1 3 0 R >> >> >>" % (5 + 2 * i))
        objects.append("<< /Length %d >>\nstream\n%s\nendstream" % (len(drawn), drawn))
    out, places = "%PDF-1.4\n", []
    for i, body in enumerate(objects):
        places.append(len(out))
        out += "%d 0 obj\n%s\nendobj\n" % (i + 1, body)
    xref = len(out)
    out += "xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + "".join("%010d 00000 n \n" % place for place in places)
    return out + "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, xref)


with open(sys.argv[1], encoding="utf-8", newline="") as file:
    drawn = pdf(file.read())
with open(sys.argv[2], "wb") as file:
    file.write(drawn.encode("ascii"))
