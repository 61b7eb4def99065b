/*
 * limits.h: every ceiling on outside input, with its unit and its reason.
 */
#ifndef COUNCILWATCH_LIMITS_H
#define COUNCILWATCH_LIMITS_H

/* Documents travel and are kept in chunks of this size, so that no process ever holds a whole one. Bytes. */
#define CW_CHUNK_MAX (256u * 1024u)
/* Chunks a normaliser may have been sent and not yet acknowledged: enough to hide a round trip. */
#define CW_CHUNK_WINDOW 8u
/* Default and largest size of one document, bytes (feed setting max_size). */
#define CW_DOCUMENT_DEFAULT (64u * 1024u * 1024u)
#define CW_DOCUMENT_MAX (4ull * 1024u * 1024u * 1024u)
/* Formats that must hold the whole document in memory (JSON) refuse more than this, bytes. */
#define CW_WHOLE_DOCUMENT_MAX (64u * 1024u * 1024u)

/* One field of a record: a cell, a title, a URL. Bytes of UTF-8. */
#define CW_FIELD_MAX (64u * 1024u)
/* A quote is shown to people; domain section 4 asks for at most 300 characters. */
#define CW_QUOTE_MAX 300u
/* One row of a table or one line of NDJSON, bytes. */
#define CW_ROW_MAX (1024u * 1024u)
#define CW_COLUMNS_MAX 4096u
/* Nesting of JSON and HTML. The HTML parser enforces its own (256) as well. */
#define CW_DEPTH_MAX 128u

/* An inspection report: the longest of ten years have 55 pages of 3 KB. */
#define CW_REPORT_PAGES_MAX 300u
#define CW_REPORT_PAGE_TEXT_MAX (256u * 1024u)
#define CW_REPORT_TEXT_MAX (4u * 1024u * 1024u)
#define CW_REPORT_WORDS_MAX 400000u
/* Spreadsheets. Parts of the archive that a document is: a workbook of a hundred sheets with their pictures has some hundreds. */
#define CW_ZIP_ENTRIES_MAX 4096u
/* What is unpacked of an archive, bytes: RO3, the largest real one, has 35 MB. Beyond CW_UNPACKED_FREE also in proportion to the
 * document: empty cells with their formats pack 1:40, bombs 1:1000. */
#define CW_UNPACKED_MAX (512u * 1024u * 1024u)
#define CW_UNPACKED_FREE (16u * 1024u * 1024u)
#define CW_UNPACKED_RATIO 200u
/* Rows of all sheets that are read, as many as one sheet of a spreadsheet program has. More rows are a database. */
#define CW_SHEET_ROWS_MAX 1048576u
/* Stacked rows that make the headings (feed setting heading_rows). */
#define CW_HEADING_ROWS_MAX 8u
/* Texts that cells of a workbook share: number and bytes. */
#define CW_SHARED_STRINGS_MAX (4u * 1024u * 1024u)
#define CW_SHARED_BYTES_MAX (64u * 1024u * 1024u)

/* A sample of an example (expect), and those of all feeds together: they are read before files are shut out. Bytes. */
#define CW_SAMPLE_MAX (8u * 1024u * 1024u)
#define CW_SAMPLES_MAX (64u * 1024u * 1024u)

/* Figures of one period that are held to be compared with one another: some hundred councils, each with some rows. Rows, and
 * bytes of their evidence. */
#define CW_RELEASE_ROWS 16384u
#define CW_RELEASE_BYTES (16u * 1024u * 1024u)
/* Measures that one release compares. */
#define CW_MEASURES_MAX 8u

/* Evidence batches: records and bytes, whichever comes first. */
#define CW_BATCH_RECORDS 4096u
#define CW_BATCH_BYTES (1024u * 1024u)
/* Batches a normaliser may have sent and the assessor not yet taken. */
#define CW_BATCH_WINDOW 8u
/* Evidence of one document held in memory by the assessor, bytes; more is staged on disk. */
#define CW_STAGE_BYTES (32u * 1024u * 1024u)

/* Frames of one message, and bytes of one frame, on any internal socket. */
#define CW_FRAMES_MAX 8u
#define CW_FRAME_MAX (2u * 1024u * 1024u)
/* One JSON request on the control or query socket, bytes. */
#define CW_REQUEST_MAX (256u * 1024u)

/* A submission: its header, its document (a note, a list; larger files go by import or a drop folder), and texts of the header. Bytes. */
#define CW_SUBMIT_HEADER_MAX 4096u
#define CW_SUBMIT_MAX (1024u * 1024u)
#define CW_SUBMIT_TYPE_MAX 128u
#define CW_SUBMIT_CLIENT_MAX 128u
#define CW_SUBMIT_NAME_MAX 255u
/* Submissions of one client that wait to be read: each may be a whole frame. */
#define CW_SUBMIT_HWM 4

/* Keys on one allow-list. Each of them may open connections, and each handshake looks through the list. */
#define CW_ALLOWED_MAX 1024u

/* Names: feeds, councils, kinds. Bytes. */
#define CW_NAME_MAX 64u
#define CW_URL_MAX 2048u

/* Words of one text (headline and summary) that are read for names and phrases; a court judgment or a whole article may have
 * more, and says what it is about before. */
#define CW_TEXT_WORDS_MAX 4096u
/* Longest form of one phrase pattern, in words: bounds the work at each word of a text. */
#define CW_PHRASE_LENGTH_MAX 64u
/* States of all phrase patterns together: bounds the memory of whoever matches them. */
#define CW_PHRASE_STATES_MAX 65536u
/* Councils that one name in a text may stand for (a trust that acts for several). */
#define CW_MENTION_COUNCILS_MAX 8u
/* Councils, and signals, that one text may give: a list of all of them is no statement about each. */
#define CW_TEXT_COUNCILS_MAX 40u
#define CW_TEXT_FINDINGS_MAX 64u

/* Links that one document may give: more is not an index that a person made. */
#define CW_LINKS_MAX 10000u
/* Text of a link, bytes: enough for a title. */
#define CW_LINK_TEXT_MAX 500u
/* Links that are remembered of one feed: with one of 500 bytes each, 50 MB. */
#define CW_LINKS_FEED_MAX 100000u
/* Steps of one feed: index, section, provider, report is as deep as publishers go. */
#define CW_STEPS_MAX 8u

/* With less room than this on its file system (MB) "check --storage" says so: a busy day's documents and the logs of two databases. */
#define CW_STORAGE_ROOM_MB 256u

/* Different mistakes of one document that go to the quarantine: a table with more is the wrong table. The rest is counted. */
#define CW_REJECTS_MAX 65536u

/* A document in hand at this many deaths of a worker is set aside as poison. */
#define CW_POISON_DEATHS 2u

#endif
