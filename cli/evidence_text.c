#include "evidence_text.h"

#include "output.h"

void cw_evidence_print_values(FILE *out, const struct cw_evidence *evidence)
{
	enum cw_grade headline;
	bool derived = false;

	for (size_t i = 0; i < evidence->n_values; i++) {
		const struct cw_value_def *def = cw_value_def(evidence->value[i].id);

		fprintf(out, "%s%s=", i ? " " : "", def ? def->name : "?");
		cw_out_str(out, evidence->value[i].text);
	}
	if (evidence->kind != CW_KIND_ILACS)
		return;
	headline = cw_ilacs_headline(evidence, &derived);
	if (derived && headline != CW_GRADE_NONE)
		fprintf(out, "%sderived_headline=%s", evidence->n_values ? " " : "", cw_grade_name(headline));
}

static void put_line(FILE *out, unsigned indent, const char *label, struct cw_str text)
{
	if (!text.len)
		return;
	fprintf(out, "%*s%-9s ", (int)indent, "", label);
	cw_out_str(out, text);
	fputc('\n', out);
}

void cw_evidence_print_source(FILE *out, unsigned indent, const struct cw_fact *fact)
{
	const struct cw_evidence *e = &fact->evidence;
	char published[CW_WALL_TEXT], fetched[CW_WALL_TEXT];

	fprintf(out, "%*s%-9s ", (int)indent, "", "source");
	cw_out_str(out, e->publisher);
	fprintf(out, " (tier %s), %s%s, received %s\n", cw_tier_name(e->tier),
	        cw_wall_known(e->published_at) ? "published " : "publication day not stated",
	        cw_wall_format(e->published_at, published), cw_wall_format(e->fetched_at, fetched));
	put_line(out, indent, "title", e->title);
	put_line(out, indent, "quote", e->quote);
	put_line(out, indent, "page", e->quote.len ? cw_evidence_value(e, CW_VAL_PAGE) : cw_str(NULL));
	put_line(out, indent, "link", e->url);
	if (!fact->document[0])
		return; /* the lineage table */
	fprintf(out, "%*s%-9s ", (int)indent, "", "document");
	cw_out_str(out, fact->feed);
	fprintf(out, " sha256:%s row %llu%s%s\n", fact->document, (unsigned long long)e->row, fact->parser[0] ? ", read by version " : "",
	        fact->parser);
}
