#!/usr/bin/python3
"""make_sheets.py: writes the inputs of the golden cases of formats ods and xlsx that are not excerpts of real files.

Spreadsheets are archives, which nobody reviews byte by byte: this says what is in them. Run it after changing it, and
review the difference in the results (target golden-update). The same input gives the same bytes.
"""
import io
import os
import struct
import zipfile
from xml.sax.saxutils import escape, quoteattr

GOLDEN = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "golden")
STAMP = (2024, 6, 1, 0, 0, 0)


def archive(parts, stored=("mimetype",)):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, data in parts:
            info = zipfile.ZipInfo(name, STAMP)
            info.compress_type = zipfile.ZIP_STORED if name in stored else zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            file.writestr(info, data)
    return out.getvalue()


# --- OpenDocument ---

ODS_TYPE = "application/vnd.oasis.opendocument.spreadsheet"
ODS_HEAD = ('<?xml version="1.0" encoding="UTF-8"?>\n<office:document-content'
            ' xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"'
            ' xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'
            ' xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
            ' xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0"'
            ' xmlns:dc="http://purl.org/dc/elements/1.1/"'
            ' xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"'
            ' xmlns:xlink="http://www.w3.org/1999/xlink"><office:body><office:spreadsheet>')
ODS_TAIL = "</office:spreadsheet></office:body></office:document-content>"


def manifest(extra=""):
    return ('<?xml version="1.0"?><manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
            '<manifest:file-entry manifest:full-path="/" manifest:media-type="%s"/>'
            '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml">%s</manifest:file-entry>'
            "</manifest:manifest>") % (ODS_TYPE, extra)


def t(text, attributes=""):
    """A cell of text, as ODS writes it."""
    return '<table:table-cell office:value-type="string"%s><text:p>%s</text:p></table:table-cell>' % (
        attributes and " " + attributes, escape(text))


def n(value, shown=None, kind="float", attributes=""):
    return '<table:table-cell office:value-type="%s" office:value="%s"%s><text:p>%s</text:p></table:table-cell>' % (
        kind, value, attributes and " " + attributes, escape(shown or value))


def d(value, shown, kind="date"):
    return '<table:table-cell office:value-type="date" office:date-value="%s"><text:p>%s</text:p></table:table-cell>' % (
        value, escape(shown))


def gap(count=1):
    return '<table:table-cell table:number-columns-repeated="%d"/>' % count


def covered(count=1):
    return '<table:covered-table-cell table:number-columns-repeated="%d"/>' % count


def row(*cells, repeat=0):
    return "<table:table-row%s>%s</table:table-row>" % (
        ' table:number-rows-repeated="%d"' % repeat if repeat else "",
        "".join(c if c.startswith("<") else t(c) if c else gap() for c in cells))


def table(name, *rows):
    return '<table:table table:name=%s><table:table-column table:number-columns-repeated="16384"/>%s</table:table>' % (
        quoteattr(name), "".join(rows))


def ods(*tables, mimetype=ODS_TYPE, extra=""):
    return archive([("mimetype", mimetype), ("content.xml", ODS_HEAD + "".join(tables) + ODS_TAIL),
                    ("META-INF/manifest.xml", manifest(extra))])


HEAD = ("Council", "Visited", "Overall Effectiveness", "Link")
ILACS = """    record {
        council     = { "Council", "Code" }
        event_date  = "Visited"
        date_format = "%d/%m/%Y"
        url         = "Link"
        title       = "Title"
        overall_effectiveness = "Overall Effectiveness"
        absent      = "Not yet inspected"
    }
"""
NONE = ILACS.replace("        absent", '        where "Council" { is = "Nobody" }\n        absent')
FIGURES = """    record {
        council     = { "Council", "Code" }
        appeals     = "Appeals"
        appeal_rate = "Rate"
        period      = "Period"
    }
"""


def feed(form, kind, record, settings=""):
    return ('feed "golden" {\n    publisher = "Test"\n    tier      = "B"\n    format    = "%s"\n    kind      = "%s"\n%s\n%s}\n'
            % (form, kind, settings, record))


def case(form, name, data, kind="ilacs", record=ILACS, settings=""):
    directory = os.path.join(GOLDEN, form, name)
    os.makedirs(directory, exist_ok=True)
    for path, content in (("input", data), ("feed.conf", feed(form, kind, record, settings).encode()),
                          ("document", b"fetched_at = 2024-06-01T00:00:00Z\n")):
        with open(os.path.join(directory, path), "wb") as file:
            file.write(content)


LEEDS = row("Leeds", d("2022-02-28", "28 February 2022"), "Outstanding", "https://files.example.org/1")
BURY = row("Bury", d("2021-10-25T00:00:00", "25/10/21"), "Inadequate", "https://files.example.org/2")


def ods_cases():
    def put(name, *tables, **more):
        case("ods", name, ods(*tables), **more)

    put("plain", table("Sheet1", row(*HEAD), LEEDS, BURY,
                       row("York", "07/03/2022", "Requires improvement to be good", ""),
                       row("Hull", "Not yet inspected", "Good", ""),
                       row("Nowhere", "07/03/2022", "Good", "")))
    # The value counts, not what is shown: full numbers, per cent, dates, true, a string in an attribute.
    put("values", table("Sheet1", row("Code", "Council", "Appeals", "Rate", "Period"),
                        row(n("383", "383"), "Leeds", n("1546", "1,546"), n("0.023270235521116157", "2.3%", "percentage"),
                            d("2022-12-31", "31 Dec 22")),
                        row(n("351.0"), "Bury", n("-0", "-"), n("1.5E-2", "1.5%", "percentage"), "2022"),
                        row(n("816"), '<table:table-cell office:value-type="string" office:string-value="York &amp; District">'
                            "<text:p>shown</text:p></table:table-cell>", "1,000",
                            '<table:table-cell office:value-type="float" office:value="x"><text:p>4.5</text:p></table:table-cell>',
                            '<table:table-cell office:value-type="boolean" office:boolean-value="true"><text:p>TRUE</text:p>'
                            "</table:table-cell>"),
                        row(n("302"), "Barnet", n("7", kind="currency"), "", d("2022-12-31T10:30:00", "10:30"))),
        kind="send_tribunal", record=FIGURES)
    # Words of several paragraphs, spaces, comments and shapes, which are no text of the cell.
    words = ("<table:table-cell office:value-type=\"string\"><office:annotation><dc:creator>a person</dc:creator><text:p>a comment"
             "</text:p></office:annotation><text:p>North<text:s text:c=\"2\"/><text:span>York</text:span>shire</text:p>"
             "<draw:frame><draw:text-box><text:p>a shape</text:p></draw:text-box></draw:frame>"
             "<table:table><table:table-row><table:table-cell><text:p>a table</text:p></table:table-cell></table:table-row>"
             "</table:table></table:table-cell>")
    put("words", table("Sheet1", row("Council", "Visited", "<table:table-cell><text:p>Overall<text:line-break/>Effectiveness</text:p>"
                                     "</table:table-cell>", "Title"),
                       row(words, "28/02/2022", "Good", "<table:table-cell><text:p>One</text:p><text:p>Two<text:tab/>Three</text:p>"
                           "</table:table-cell>")))
    put("preamble", table("Cover", row("Outcomes as at 31 March"), row("Council", "what it is")),
        table("Data", row("Outcomes"), row("This worksheet contains one table."), row("", repeat=3), row(*HEAD), LEEDS, BURY))
    # The second table has other headings in other columns; a title stands between; the third is another table.
    put("two-tables", table("History", row("Two tables"), row(*HEAD), LEEDS, row("", repeat=2), row("Councils that ended"),
                            row("Link", "Council", "Visited", "Overall Effectiveness"),
                            row("https://files.example.org/3", "Poole", "29/01/2018", "Good"), row(*HEAD), BURY,
                            row("Council", "Schools"), row("York", "63"), row("Hull", "98"), row("A note.")))
    # Another table below a gap, under a heading for the council that nobody knows: its figures are not those of the first.
    put("other-table", table("Sheet1", row("Council", "Appeals", "Rate"), row("Leeds", n("5"), n("1.5")), row("", repeat=1),
                             row("York", "..", "low"), row("", repeat=2), row("Cases by area"),
                             row("Area", "Cases closed", "Share"), row("Leeds", n("900"), n("77")), row("Bury", n("8"), n("9"))),
        kind="send_tribunal", record="""    record {
        council     = "Council"
        appeals     = "Appeals"
        appeal_rate = "Rate"
        absent      = { "..", "low" }
    }
""")
    put("table-2", table("History", row(*HEAD), LEEDS, row(*HEAD), BURY), settings="    table     = 2\n")
    # Years merged over groups of columns above, the council's heading merged downwards.
    stacked = table("Table 2", row("Appeals by council"),
                    row(t("Council", 'table:number-rows-spanned="2" table:number-columns-spanned="1"'),
                        t("2021", 'table:number-columns-spanned="2" table:number-rows-spanned="1"'), covered(),
                        n("2022", attributes='table:number-columns-spanned="2" table:number-rows-spanned="1"'), covered()),
                    row(covered(), "Appeals", "Rate", "Appeals", "Rate"),
                    row("NORTH"), row("Leeds", n("5"), n("0.01", "1%", "percentage"), n("16"), n("0.025", "2.5%", "percentage")),
                    row("York", "..", "..", "..", ".."),
                    row("Notes:"), row(t("1. A note over all columns",
                                         'table:number-columns-spanned="5" table:number-rows-spanned="1"'), covered(4)))
    put("stacked-headings", stacked, kind="send_tribunal", settings="    heading_rows = 2\n", record="""    record {
        council     = "Council"
        appeals     = "2022 Appeals"
        appeal_rate = "2022 Rate"
        absent      = ".."
    }
""")
    # Each year a row of its own.
    put("column-groups", stacked, kind="send_tribunal", settings="    heading_rows  = 2\n    column_groups = true\n", record="""    record {
        council     = "Council"
        event_date  = "Column group"
        date_format = "%Y@12-31"
        title       = "Sheet name"
        period      = "Column group"
        appeals     = "Appeals"
        appeal_rate = "Rate"
        where "Rate" { not = "" }
    }
""")
    # More headings over columns than a table with groups has: each would be a look at all columns.
    put("column-groups-many", table("A", row("", *("top %d" % k for k in range(70)), "2023", "2023"),
                                    row("Council", *("x" for k in range(70)), "Appeals", "Rate"), row("Leeds", *("1" for k in range(70)), "5", "1")),
        kind="send_tribunal", settings="    heading_rows  = 2\n    column_groups = true\n", record="""    record {
        council     = "Council"
        event_date  = "Column group"
        date_format = "%Y@12-31"
        appeals     = "Appeals"
        appeal_rate = "Rate"
    }
""")
    # Headings that go on differently every year; what is the same for every row; dates among the values; the address of
    # another council.
    put("editions", table("2024", row("Council", "Visited (2024 edition)", "Ended", "Overall Effectiveness", "Link"),
                          row("Leeds", "28/02/2022", "11/03/2022", "Good", "https://example.org/provider/383/"),
                          row("York", "07/03/2022", d("2022-03-18", "x"), "Good", "https://example.org/provider/383?x=1"),
                          row("Bury", "25/10/2021", "5 November", "Good", "https://example.org/provider/nobody")),
        record="""    record {
        council        = "Council"
        event_date     = "Visited*"
        date_format    = "%d/%m/%Y"
        inspection_end = "Ended"
        url            = "Link"
        url_ends_in    = "council"
        url_mark       = "event_date"
        overall_effectiveness = "Overall Effectiveness"
        constants {
            published_at = "2024-03-31"
            title        = "Outcomes 2024"
        }
    }
""")
    # Each heading of the stack alone: codes above the words.
    put("heading-codes", table("RO", row("", "C1R1", "C2R1"), row("Council", "Employees (C1)", "Running (C2)"),
                               row("Leeds", n("1"), n("22"))), kind="spend", settings="    heading_rows = 2\n", record="""    record {
        council = "Council"
        amount  = "C2R1"
        constants { measure = "running expenses" }
    }
""")
    # Two columns under one merged heading: the second is "#2 …".
    put("heading-number", table("DSG", row(t("Allocations", 'table:number-columns-spanned="2" table:number-rows-spanned="1"'),
                                           covered(), "High needs (£s)", "High needs (£s)"),
                                row(n("383"), "Leeds", n("1"), n("2")), row("[A]", "", "[B]"), row(n("351"), "York", n("3"), n("4"))),
        kind="spend", record="""    record {
        council = { "Allocations", "#2 Allocations" }
        amount  = "#2 High needs (£s)"
        constants { measure = "high needs" }
    }
""")
    # Empty cells and rows to the edge of the grid, and rows that are the same over and over.
    put("repeated", table("Sheet1", row(*HEAD, gap(16380)), row(gap(16384), repeat=7), LEEDS.replace(
        "</table:table-row>", gap(16380) + "</table:table-row>"),
        BURY.replace("<table:table-row>", '<table:table-row table:number-rows-repeated="3">'),
        row(gap(16384), repeat=1048560)))
    put("million", table("Sheet1", row(*HEAD),
                         BURY.replace("<table:table-row>", '<table:table-row table:number-rows-repeated="1048000">'),
                         LEEDS.replace("<table:table-row>", '<table:table-row table:number-rows-repeated="4294967295">')))
    put("many-headings", table("Sheet1", row(*HEAD), *([row(*HEAD), LEEDS] * 1100)), record=NONE)
    put("many-spans", table("Sheet1", row(*HEAD), *(row("York", "01/01/2020", "Good", t("x", 'table:number-rows-spanned="9999"'))
                                                    for _ in range(4200))), record=NONE)
    put("wide", table("Sheet1", row(*HEAD, t("x", 'table:number-columns-repeated="16380"')),
                      LEEDS.replace("</table:table-row>", t("y", 'table:number-columns-repeated="4000000000"') +
                                    "</table:table-row>")))
    put("links", table("Sheet1", row(*HEAD),
                       row("Leeds", "28/02/2022", "Good", '<table:table-cell><text:p><text:a xlink:href="https://example.org/a?b=1'
                           '&amp;c=2">see</text:a></text:p></table:table-cell>'),
                       row("Bury", "28/02/2022", "Good", t("see", 'table:formula="of:=IF([.B5]=&quot;&quot;;&quot;&quot;;'
                           'HYPERLINK(&quot;https://example.org/b&quot;;&quot;see&quot;))"')),
                       row("York", "28/02/2022", "Good", t("https://example.org/c", 'table:formula="of:=HYPERLINK([.A1])"')),
                       row("Hull", "28/02/2022", "Good", '<table:table-cell><text:p><text:a xlink:href="#Sheet2.A1">in here'
                           "</text:a></text:p></table:table-cell>")))
    put("errors", table("Sheet1", row(*HEAD), row("Leeds", "28/02/2022", t("#N/A", 'calcext:value-type="error"'), ""),
                        row("Bury", t("#REF!"), "Good", t("Err:502")),
                        row("York", '<table:table-cell office:value-type="date" office:date-value="0000-99-99"><text:p>07/03/2022'
                            "</text:p></table:table-cell>", "Good", "")))
    sheets = (table("2021", row(*HEAD), BURY), table("2022", row(*HEAD), LEEDS), table("Notes", row("Council", "Note")))
    put("first-sheet", *sheets)
    put("all-sheets", *sheets, settings='    sheet     = "20*"\n')
    put("sheet-gone", *sheets, settings='    sheet     = "2023*"\n')
    put("no-headings", table("Sheet1", row("Council", "Visited", "Overall Effectivness"), row("Leeds", "1", "Good")))
    put("no-rows", table("Sheet1", row(*HEAD), row(gap(16384), repeat=1048575)))
    put("no-sheet")
    case("ods", "html-page", b"<!DOCTYPE html><html><body>Page not found</body></html>")
    case("ods", "gzip", b"\x1f\x8b\x08\0\0\0\0\0\0\x03")
    case("ods", "excel", xlsx_plain())
    case("ods", "text-document", ods(mimetype="application/vnd.oasis.opendocument.text"))
    case("ods", "some-zip", archive([("a.txt", "a")]))
    case("ods", "encrypted", ods(table("Sheet1", row(*HEAD)), extra='<manifest:encryption-data manifest:checksum="x"/>'))
    whole = ods(table("Sheet1", row(*HEAD), LEEDS))
    case("ods", "truncated", whole[:-30])
    spoilt = bytearray(whole)
    spoilt[whole.index(b"content.xml") + 60] ^= 0xff
    case("ods", "bad-checksum", bytes(spoilt))
    case("ods", "not-xml", archive([("mimetype", ODS_TYPE), ("content.xml", ODS_HEAD + "<table:table>")]))
    case("ods", "two-contents", two_of(whole, "content.xml"))
    case("ods", "archive-inside", archive([("mimetype", ODS_TYPE), ("content.xml", whole)]))
    case("ods", "doctype", archive([("mimetype", ODS_TYPE), ("content.xml", '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaa">'
                                                             '<!ENTITY b "&a;&a;&a;&a;">]><a>&b;</a>')]))
    case("ods", "entity", archive([("mimetype", ODS_TYPE), ("content.xml", ODS_HEAD + "<a>&lt;&nosuch;</a>" + ODS_TAIL)]))
    case("ods", "deep", archive([("mimetype", ODS_TYPE), ("content.xml", ODS_HEAD + "<a>" * 5000 + "</a>" * 5000 + ODS_TAIL)]))
    case("ods", "many-attributes", archive([("mimetype", ODS_TYPE), ("content.xml", ODS_HEAD + "<a %s/>" % " ".join(
        'a%d=""' % i for i in range(2000)) + ODS_TAIL)]))
    case("ods", "long-tag", archive([("mimetype", ODS_TYPE), ("content.xml", ODS_HEAD + '<a b="%s"/>' % ("x" * 600000) + ODS_TAIL)]))
    case("ods", "bomb", archive([("mimetype", ODS_TYPE), ("content.xml", ODS_HEAD + " " * (40 << 20) + ODS_TAIL)]))
    case("ods", "huge-cell", ods(table("Sheet1", row(*HEAD), row("Leeds" + "x" * 70000, "28/02/2022", "Good", ""), LEEDS)))
    case("ods", "spans", ods(table("Sheet1", row(*HEAD), row(
        t("Leeds", 'table:number-rows-spanned="3" table:number-columns-spanned="1"'), "28/02/2022", "Good", ""),
        row(covered(), "18/11/2018", "Outstanding", ""), row(t("not seen").replace("table-cell", "covered-table-cell"),
                                                             "27/03/2015", "Good", ""), LEEDS)))


def two_of(data, name):
    """The central directory names the part twice."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            new.writestr(zipfile.ZipInfo(info.filename, STAMP), old.read(info))
        other = zipfile.ZipInfo("C" + name[1:], STAMP)
        new.writestr(other, ODS_HEAD + ODS_TAIL)
    return out.getvalue().replace(("C" + name[1:]).encode(), name.encode())


# --- Excel ---

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


def relations(*each):
    return XML + '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">%s</Relationships>' % "".join(
        '<Relationship Id="%s" Type="%s/%s" Target=%s%s/>' % (i, OFFICE, kind, quoteattr(target),
                                                             ' TargetMode="External"' if "://" in target else "")
        for i, kind, target in each)


def xlsx(sheets, strings=None, styles=None, links=(), workbook="", main=MAIN, first="xl/workbook.xml", extra=()):
    """sheets: (name, XML inside <worksheet>) each."""
    names = "".join('<sheet name=%s sheetId="%d" r:id="rId%d"/>' % (quoteattr(name), i + 1, i + 1)
                    for i, (name, _) in enumerate(sheets))
    leads = [("rId%d" % (i + 1), "worksheet", "worksheets/sheet%d.xml" % (i + 1)) for i in range(len(sheets))]
    parts = [("[Content_Types].xml", XML + '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'),
             ("_rels/.rels", relations(("rId1", "officeDocument", first)))]
    if strings is not None:
        leads.append(("rId90", "sharedStrings", "sharedStrings.xml"))
        parts.append(("xl/sharedStrings.xml", XML + '<sst xmlns="%s">%s</sst>' % (main, "".join(
            "<si>%s</si>" % (s if s.startswith("<") else "<t>%s</t>" % escape(s)) for s in strings))))
    if styles is not None:
        leads.append(("rId91", "styles", "/xl/styles.xml"))
        parts.append(("xl/styles.xml", XML + '<styleSheet xmlns="%s">%s</styleSheet>' % (main, styles)))
    parts.append(("xl/workbook.xml", XML + '<workbook xmlns="%s" xmlns:r="%s">%s<sheets>%s</sheets></workbook>' % (
        main, OFFICE, workbook, names)))
    parts.append(("xl/_rels/workbook.xml.rels", relations(*leads)))
    for i, (_, inside) in enumerate(sheets):
        parts.append(("xl/worksheets/sheet%d.xml" % (i + 1), XML + '<worksheet xmlns="%s" xmlns:r="%s">%s</worksheet>' % (
            main, OFFICE, inside)))
    if links:
        parts.append(("xl/worksheets/_rels/sheet1.xml.rels", relations(*links)))
    return archive(parts + list(extra), stored=())


def c(ref, value, kind="", style=None, formula=""):
    inside = "<is><t>%s</t></is>" % escape(value) if kind == "inlineStr" else \
        (("<f>%s</f>" % escape(formula) if formula else "") + "<v>%s</v>" % escape(value))
    return "<c%s%s%s>%s</c>" % (' r="%s"' % ref if ref else "", ' s="%d"' % style if style is not None else "",
                                ' t="%s"' % kind if kind else "", inside)


def i(ref, text):
    return c(ref, text, "inlineStr")


def r(number, *cells):
    return '<row%s>%s</row>' % (' r="%d"' % number if number else "", "".join(cells))


def heads(number=1, names=HEAD):
    return r(number, *(i("ABCDEFGH"[k] + str(number), name) for k, name in enumerate(names)))


def data(*rows, after=""):
    return "<sheetData>%s</sheetData>%s" % ("".join(rows), after)


def xlsx_plain():
    return xlsx([("Sheet1", data(r(1, *(c("ABCD"[k] + "1", str(k), "s") for k in range(4))),
                                 r(2, c("A2", "4", "s"), c("B2", "28/02/2022", "str"), c("C2", "5", "s"), c("D2", "6", "s")),
                                 r(4, c("A4", "7", "s"), c("C4", "5", "s"), c("D4", "99", "s")),
                                 r(5, i("A5", "Nowhere"), i("C5", "Good"))))],
                strings=list(HEAD) + ["Leeds", "Good", "https://files.example.org/1?a=b&c=d", "Bury"])


def xlsx_cases():
    def put(name, *args, **more):
        settings = {k: more.pop(k) for k in ("kind", "record", "settings") if k in more}
        case("xlsx", name, xlsx(*args, **more), **settings)

    case("xlsx", "plain", xlsx_plain())
    styles = ('<numFmts count="6"><numFmt numFmtId="164" formatCode="dd&quot;day&quot;/mm/yyyy;@"/>'
              '<numFmt numFmtId="165" formatCode="[$-809]mmm yy"/><numFmt numFmtId="166" formatCode="[Red]0.0&quot;d&quot;"/>'
              '<numFmt numFmtId="167" formatCode="[h]:mm"/><numFmt numFmtId="168" formatCode="0.0\\%%"/>'
              '<numFmt numFmtId="169" formatCode="#,##0.0%%"/></numFmts><cellStyleXfs count="1"><xf numFmtId="14"/></cellStyleXfs>'
              '<cellXfs count="9">%s</cellXfs>') % "".join('<xf numFmtId="%d"/>' % f for f in
                                                           (0, 14, 164, 165, 166, 167, 168, 169, 10))
    dates = data(heads(), r(2, i("A2", "Leeds"), c("B2", "44620", style=1), i("C2", "Good")),
                 r(3, i("A3", "Bury"), c("B3", "44494.5", style=2), i("C3", "Good")),
                 r(4, i("A4", "York"), c("B4", "44627", style=3), i("C4", "Good")),
                 r(5, i("A5", "Hull"), c("B5", "44627", style=4), i("C5", "Good")),
                 r(6, i("A6", "Kent"), c("B6", "60", style=1), i("C6", "Good")),
                 r(7, i("A7", "Devon"), c("B7", "2", style=1), i("C7", "Good")),
                 r(8, i("A8", "Essex"), c("B8", "44627.99999999", style=1), i("C8", "Good")),
                 r(9, i("A9", "Dorset"), c("B9", "2022-02-28T00:00:00", "d"), i("C9", "Good")),
                 r(10, i("A10", "Surrey"), c("B10", "1e300", style=1), i("C10", "Good")),
                 r(11, i("A11", "Torbay"), c("B11", "0.5", style=5), i("C11", "Good")))
    put("dates", [("Sheet1", dates)], styles=styles)
    put("dates-1904", [("Sheet1", data(heads(), r(2, i("A2", "Leeds"), c("B2", "43158", style=1), i("C2", "Good"))))],
        styles=styles, workbook='<workbookPr date1904="1"/>')
    put("no-styles", [("Sheet1", data(heads(), r(2, i("A2", "Leeds"), c("B2", "44620", style=1), i("C2", "Good"))))])
    put("values", [("Sheet1", data(heads(names=("Code", "Council", "Appeals", "Rate", "Period")),
                                   r(2, c("A2", "383"), i("B2", "Leeds"), c("C2", "1546.0000000000002"), c("D2", "2.3E-2", style=7),
                                     c("E2", "1", "b")),
                                   r(3, c("A3", "351"), i("B3", "Bury"), c("C3", "0.1"), c("D3", "0.17499999999999999", style=8),
                                     c("E3", "2022", "str", formula="A1&amp;B1")),
                                   r(4, c("A4", "816"), i("B4", "York"), c("C4", "5", style=6), c("D4", "#N/A", "e"), c("E4", "0", "b")),
                                   r(5, c("A5", "302"), i("B5", "Barnet"), c("C5", "12", "n", style=4), i("D5", "#DIV/0!"))))],
        styles=styles, kind="send_tribunal", record=FIGURES)
    put("rich-text", [("Sheet1", data(r(1, *(c("ABC"[k] + "1", str(k), "s") for k in range(3))),
                                      r(2, c("A2", "3", "s"), i("B2", "28/02/2022"),
                                        '<c r="C2" t="inlineStr"><is><r><t>Go</t></r><r><rPr><b/></rPr><t>od</t></r>'
                                        "<rPh><t>no</t></rPh></is></c>")))],
        strings=list(HEAD[:3]) + ['<r><t xml:space="preserve">North </t></r><r><rPr><b/></rPr><t>Yorkshire</t></r>'
                                  '<rPh sb="0" eb="1"><t>as it is said</t></rPh><phoneticPr fontId="1"/>'])
    put("links", [("Sheet1", data(heads(), *(r(k, i("A%d" % k, name), i("B%d" % k, "28/02/2022"), i("C%d" % k, "Good"), cell)
                                             for k, name, cell in ((2, "Leeds", i("D2", "see")), (3, "Bury", i("D3", "see")),
                                                                   (4, "York", c("D4", "see", "str", formula='HYPERLINK("https://'
                                                                                 'example.org/c","see")')),
                                                                   (5, "Hull", i("D5", "see")), (6, "Kent", i("D6", "see")))),
                                  after='<hyperlinks><hyperlink ref="D3" r:id="rId2"/><hyperlink ref="D2" r:id="rId1"/>'
                                        '<hyperlink ref="D5" location="Sheet2!A1" display="x"/><hyperlink ref="A6:D7" r:id="rId9"/>'
                                        "</hyperlinks>"))],
        links=[("rId2", "hyperlink", "https://example.org/b"), ("rId1", "hyperlink", "https://example.org/a?x=1&y=2")])
    merged = data(r(1, i("A1", "Council"), c("B1", "2021"), c("D1", "2022")),
                  r(2, i("B2", "Appeals"), i("C2", "Rate"), i("D2", "Appeals"), i("E2", "Rate")),
                  r(3, i("A3", "Leeds"), c("B3", "5"), c("C3", "1"), c("D3", "16"), c("E3", "2.5")),
                  after='<mergeCells count="3"><mergeCell ref="D1:E1"/><mergeCell ref="B1:C1"/><mergeCell ref="A1:A2"/></mergeCells>')
    put("stacked-headings", [("Sheet1", merged)], kind="send_tribunal", settings="    heading_rows = 2\n", record="""    record {
        council     = "Council"
        appeals     = "2022 Appeals"
        appeal_rate = "2022 Rate"
    }
""")
    put("no-places", [("Sheet1", data(r(0, *(i("", name) for name in HEAD)), r(0, i("", "Leeds"), i("", "28/02/2022"), i("", "Good")),
                                      r(0, i("", "Bury"), '<c/>', i("", "Good"))))])
    put("strict", [("Sheet1", data(heads(), r(2, i("A2", "Leeds"), i("B2", "28/02/2022"), i("C2", "Good"))))],
        main="http://purl.oclc.org/ooxml/spreadsheetml/main")
    sheets = [(name, data(heads(), r(2, i("A2", council), i("B2", "28/02/2022"), i("C2", "Good"))))
              for name, council in (("2021", "Bury"), ("2022", "Leeds"), ("Costs & more", "York"))]
    put("first-sheet", sheets)
    put("all-sheets", sheets, settings='    sheet     = "20*"\n')
    put("sheet-by-name", sheets, settings='    sheet     = "costs & more"\n')
    put("sheet-gone", sheets, settings='    sheet     = "2023"\n')
    put("no-headings", [("Sheet1", data(heads(names=("Council", "Visited"))))])
    case("xlsx", "opendocument", ods(table("Sheet1", row(*HEAD), LEEDS)))
    case("xlsx", "word", archive([("_rels/.rels", relations(("rId1", "officeDocument", "word/document.xml"))),
                                  ("word/document.xml", "<a/>")]))
    case("xlsx", "encrypted", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504)
    case("xlsx", "html-page", b"<html><body>Sign in</body></html>")
    whole = xlsx_plain()
    case("xlsx", "truncated", whole[:len(whole) // 2])
    case("xlsx", "no-workbook-relations", archive([("_rels/.rels", relations(("rId1", "officeDocument", "xl/workbook.xml"))),
                                                   ("xl/workbook.xml", '<workbook xmlns="%s"/>' % MAIN)]))
    put("part-gone", [("Sheet1", data(heads()))], workbook='<sheets><sheet name="Gone" r:id="rId7"/></sheets>')
    put("bomb-strings", [("Sheet1", data(heads()))], strings=["<t>%s</t>" % ("x" * (20 << 20))])
    put("places", [("Sheet1", data(heads(), r(9999999, i("A9999999", "Leeds"), i("B9999999", "28/02/2022"), i("C1", "Good"),
                                                i("ZZZZZZZ1", "far")), r(2, i("A2", "Bury"), i("B2", "28/02/2022"), i("C2", "Good"))))])
    # The end of the central directory says how many parts there are: far more than there could be.
    end = whole.rindex(b"PK\x05\x06")
    case("xlsx", "many-parts", whole[:end + 8] + struct.pack("<HH", 60000, 60000) + whole[end + 12:])


ods_cases()
xlsx_cases()
