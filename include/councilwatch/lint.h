/*
 * lint.h: personal data in what people write about councils.
 *
 * Never stored: names, initials or circumstances of children, families, social workers, claimants; of office-holders the role
 * and the event, not the person; no health or conduct gossip (domain section 6). This finds what looks like it by its
 * form: addresses, numbers, initials, titles before names, given names with surnames, ages with family. It knows no people and cannot
 * find what has no such form; it is a safeguard before a person's own judgement, not in its place. Text about services, councils and
 * roles passes.
 */
#ifndef COUNCILWATCH_LINT_H
#define COUNCILWATCH_LINT_H

#include <councilwatch/base.h>
#include <councilwatch/council.h>
#include <councilwatch/text.h>

enum cw_lint_rule {
	CW_LINT_EMAIL,
	CW_LINT_PHONE,
	CW_LINT_ADDRESS,      /* a house, with its street or postcode */
	CW_LINT_BIRTH,        /* a date of birth */
	CW_LINT_NUMBER,       /* NHS, National Insurance, pupil or case number */
	CW_LINT_INITIALS,     /* "Child K", "AB (a child)" */
	CW_LINT_TITLE,        /* "Mrs …", "Cllr …" */
	CW_LINT_NAME,         /* a given name and a surname, or a name after "social worker" */
	CW_LINT_FAMILY,       /* "the 7-year-old's mother" */
	CW_LINT_GOSSIP,       /* health or conduct of a person */
	CW_LINT_NO_ROLE,      /* an author that names no role */
	CW_LINT_COUNT
};

struct cw_lint {
	enum cw_lint_rule rule;
	size_t at, len; /* bytes of the text */
};

const char *cw_lint_what(enum cw_lint_rule rule); /* "an e-mail address" */
const char *cw_lint_mend(enum cw_lint_rule rule); /* one sentence: what to write instead */

/* What is found, in order of the text, at most max; returns how many there are, or -ENOMEM. councils (may be NULL): names that
 * are no people's. */
int cw_lint_text(struct cw_str text, const struct cw_councils *councils, struct cw_lint *ret, size_t max);
/* The same for an author, who is a role: "children's improvement adviser, North West". */
int cw_lint_role(struct cw_str text, const struct cw_councils *councils, struct cw_lint *ret, size_t max);

#endif
