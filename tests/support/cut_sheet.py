#!/usr/bin/python3
"""cut_sheet.py IN OUT SHEET=ROWS…: an excerpt of a spreadsheet (ods or xlsx), small enough to be a test's input.

Keeps the rows named ("1-5,9", as the sheet numbers them) of the sheets named, each byte for byte as it is in the file, and of the
other sheets nothing but their names, in order. Styles, pictures and settings go, but for the number formats of xlsx. With
--drop=A,B the cells of these columns of an xlsx are left out, but for their headings.
"""
import re
import sys
import zipfile

STAMP = (2024, 6, 1, 0, 0, 0)


def wanted(spec):
    rows = set()
    for part in spec.split(","):
        first, _, last = part.partition("-")
        rows.update(range(int(first), int(last or first) + 1))
    return rows


def archive(path, parts):
    with zipfile.ZipFile(path, "w") as out:
        for name, data in parts:
            info = zipfile.ZipInfo(name, STAMP)
            info.compress_type = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            out.writestr(info, data)


def cut_ods(source, path, keep):
    text = source.read("content.xml").decode()
    head = text[:text.index("<office:body>")]
    # Only the root element's start: styles are of no use without what they style.
    root = re.match(r"(.*?<office:document-content[^>]*>)", head, re.S).group(1)
    out = [root, "<office:body><office:spreadsheet>"]
    for match in re.finditer(r'<table:table (?:[^>]* )?table:name="([^"]*)"[^>]*>(.*?)</table:table>', text, re.S):
        name, inside = match.group(1), match.group(2)
        out.append(match.group(0)[:match.start(2) - match.start(0)])
        number = 0
        for row in re.finditer(r"<table:table-row\b[^>]*?(?:/>|>.*?</table:table-row>)", inside, re.S):
            repeated = re.search(r'number-rows-repeated="(\d+)"', row.group(0)[:row.group(0).index(">")])
            if number + 1 in keep.get(name, ()):
                out.append(row.group(0))
            number += int(repeated.group(1)) if repeated else 1
        out.append("</table:table>")
    out.append("</office:spreadsheet></office:body></office:document-content>")
    archive(path, [(name, "".join(out) if name == "content.xml" else source.read(name))
                   for name in ("mimetype", "content.xml", "META-INF/manifest.xml") if name in source.namelist()])


def cut_xlsx(source, path, keep, drop):
    strings = re.findall(r"<si>.*?</si>|<si/>", source.read("xl/sharedStrings.xml").decode(), re.S)
    used, parts = {}, []
    for name in source.namelist():
        data = source.read(name)
        if re.search(r"theme|docProps|printerSettings|sharedStrings|calcChain", name):
            continue
        if re.match(r"xl/worksheets/sheet\d+\.xml$", name):
            text = data.decode()
            rows = keep[sorted(keep)[0]]

            def cell(match):
                place = re.match(r'<c r="([A-Z]+)(\d+)"', match.group(0))
                if place.group(1) in drop and place.group(2) != "1":
                    return ""
                return re.sub(r'(t="s"[^>]*><v>)(\d+)', lambda m: m.group(1) + str(used.setdefault(int(m.group(2)), len(used))),
                              match.group(0))

            def row(match):
                return re.sub(r"<c .*?(?:/>|</c>)", cell, match.group(0), flags=re.S) if int(match.group(1)) in rows else ""
            text = re.sub(r'<row r="(\d+)".*?</row>', row, text, flags=re.S)
            text = re.sub(r'<hyperlink ref="[A-Z]+(\d+)"[^>]*/>', lambda m: m.group(0) if int(m.group(1)) in rows else "", text)
            links = set(re.findall(r'r:id="([^"]*)"', text))
            data = text.encode()
        parts.append((name, data))
    for i, (name, data) in enumerate(parts):
        if name.startswith("xl/worksheets/_rels/"):
            parts[i] = (name, re.sub(rb'<Relationship Id="([^"]*)"[^>]*/>',
                                     lambda m: m.group(0) if m.group(1).decode() in links else b"", data))
    inside = "".join(strings[k] for k in used)
    parts.append(("xl/sharedStrings.xml", '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<sst xmlns="http://schemas.'
                  'openxmlformats.org/spreadsheetml/2006/main">%s</sst>' % inside))
    archive(path, parts)


def main():
    drop = next((a[7:].split(",") for a in sys.argv if a.startswith("--drop=")), [])
    arguments = [a for a in sys.argv[1:] if not a.startswith("--")]
    keep = {}
    for spec in arguments[2:]:
        name, _, rows = spec.rpartition("=")
        keep[name] = wanted(rows)
    with zipfile.ZipFile(arguments[0]) as source:
        if "content.xml" in source.namelist():
            cut_ods(source, arguments[1], keep)
        else:
            cut_xlsx(source, arguments[1], keep, drop)


main()
