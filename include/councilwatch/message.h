/*
 * message.h: what the processes say to each other. docs/messages.md is the same for people.
 *
 * Every internal message is one header frame of 40 bytes and up to two payload frames. All
 * numbers are little-endian. A receiver decodes all of a message before it acts on any of it; one that
 * does not decode, or is not allowed from that peer, costs the sender a restart, not the receiver.
 *
 *   daemon work socket (ROUTER)     <-> normalisers (DEALER)
 *   daemon commit socket (ROUTER)   <-> assessor (DEALER)
 *   assessor evidence socket (ROUTER) <-> normalisers (DEALER)
 */
#ifndef COUNCILWATCH_MESSAGE_H
#define COUNCILWATCH_MESSAGE_H

#include <councilwatch/base.h>
#include <councilwatch/buf.h>
#include <councilwatch/bus.h>
#include <councilwatch/clock.h>
#include <councilwatch/evidence.h>
#include <councilwatch/keys.h>

#define CW_MESSAGE_MAGIC 0x31575743u /* "CWW1" */
#define CW_MESSAGE_VERSION 2
#define CW_MESSAGE_HEADER_LEN 40

enum cw_message_kind {
	/* worker -> daemon */
	CW_MSG_READY = 1,      /* number = documents it will take at once (credits); count = its process id, by which
	                          the supervisor knows it; payload: role text ("normaliser", "assessor") */
	CW_MSG_HEARTBEAT = 2,  /* every CW_HEARTBEAT_MS; number = documents handled so far */
	CW_MSG_CREDIT = 3,     /* number = more documents it will take */
	CW_MSG_CHUNK_ACK = 4,  /* number = chunks of this document taken since the last ack */
	CW_MSG_SENT = 5,       /* all evidence of this document is handed to the assessor */
	CW_MSG_LINKS = 6,      /* sequence from 0; count links found in this document; payload: cw_doc_link_put... */
	/* daemon -> normaliser */
	CW_MSG_DOCUMENT = 10,  /* number = lease; payload: struct cw_document_info */
	CW_MSG_CHUNK = 11,     /* number = offset; payload: bytes */
	CW_MSG_DOCUMENT_END = 12, /* number = total bytes */
	CW_MSG_DROP = 13,      /* forget this document: its lease is gone (also to the assessor, of an announcement that
	                          crossed with the commit of an earlier attempt) */
	CW_MSG_STOP = 14,      /* finish what is in hand, then exit 0 (also to the assessor) */
	CW_MSG_LINKS_ACK = 15, /* number = batches of links of this document that are durable since the last ack */
	/* normaliser -> assessor. In all, number = the lease that came with the document: a secret between the daemon, who has
	 * the document and the assessor, so that nobody else can speak of it */
	CW_MSG_EVIDENCE = 20,  /* sequence from 0; count records; payload: cw_evidence_put... */
	CW_MSG_REJECTS = 21,   /* sequence shared with EVIDENCE; count records; payload: cw_reject_put... */
	CW_MSG_DONE = 22,      /* sequence = batches sent; payload: struct cw_document_tally */
	/* assessor -> normaliser */
	CW_MSG_BATCH_ACK = 25, /* number = batches of this document taken since the last ack */
	/* daemon -> assessor */
	CW_MSG_ANNOUNCE = 30,  /* number = lease; payload: struct cw_document_info; sent before the document goes to a normaliser */
	CW_MSG_FEED_STATE = 31, /* payload: struct cw_feed_state */
	CW_MSG_SETTLE = 32,    /* payload: struct cw_document_info; number = enum cw_reason: record this document as
	                          rejected without any normaliser (poison, too large) */
	CW_MSG_DISMISS = 33,   /* payload: struct cw_dismissal; number = what the answer is to be known by */
	CW_MSG_ALLOW = 34,     /* payload: cw_allow_put: from now on these keys may come in at that door */
	CW_MSG_RETAIN = 35,    /* count = days since 1970 of the day it is for, sequence 1 = remove what is due then, 0 = only tell;
	                          number = what the answer is to be known by */
	/* assessor -> daemon */
	CW_MSG_COMMITTED = 40, /* payload: struct cw_commit_info */
	CW_MSG_DISMISSED = 41, /* durable: number = as in DISMISS; count = entries; payload: why not, as plain bytes */
	CW_MSG_ACCUSED = 43,   /* somebody sent what a normaliser may not; document, if it spoke of one; payload: cw_accusation_put */
	CW_MSG_REFUSED = 42,   /* count = enum cw_refusal, number = how often since it started; payload: the door, as plain bytes */
	CW_MSG_RETAINED = 44,  /* durable: number = as in RETAIN; count = rows; payload: cw_retained_put...; sequence 1: it failed, and the
	                          payload is why, as plain bytes */
};
#define CW_HEARTBEAT_MS 1000
#define CW_HEARTBEAT_LOST_MS 10000 /* silence after which a worker is taken for dead and killed */

struct cw_message {
	enum cw_message_kind kind;
	uint64_t document;  /* inbox id; 0 where it does not apply */
	uint32_t attempt;   /* dispatch attempt of that document, from 1; evidence of an older one is discarded */
	uint32_t sequence;
	uint32_t count;
	uint64_t number;
	struct cw_frame payload; /* borrowed; len 0 = none */
};

int cw_message_send(struct cw_sock *sock, const struct cw_peer *peer, const struct cw_message *message);
/* 0; -EAGAIN nothing there; -EBADMSG with text in err: malformed (peer says from whom); other -errno. */
int cw_message_recv(struct cw_sock *sock, struct cw_peer *peer, struct cw_message *ret, struct cw_error *err);
const char *cw_message_kind_name(enum cw_message_kind kind);

/* What the daemon knows of a document. Strings borrowed. */
#define CW_DOC_IMPORTED 1u /* by "councilwatch import": never pages anybody */
#define CW_DOC_REPLAY 2u     /* committed before; read again with today's configuration, it replaces what it said */
#define CW_DOC_RETRY 4u      /* with REPLAY: because rows were quarantined; what it tells now is news */
#define CW_DOC_SUBMITTED 8u  /* handed in (submit socket, drop folder), not fetched */
#define CW_DOC_PAGE 16u     /* a page after the first: it may be empty, which ends the pages */
struct cw_document_info {
	uint64_t id;
	uint32_t attempt;
	uint32_t flags;
	struct cw_str feed;
	struct cw_str url;            /* after redirects; file name for imports */
	struct cw_str content_type;   /* as the server said, may be empty */
	struct cw_wall fetched_at;    /* as-of time of the document */
	uint64_t size;                /* bytes, uncompressed */
	unsigned char sha256[CW_SHA256_LEN];
	uint64_t order;               /* assessor commits documents in this order (dispatch order); another each time it is queued */
	struct cw_str step;           /* the step of the feed that reads it; empty = the feed's own format */
	struct cw_str link_text;      /* of the link that led to it, and the page where that stood; may be empty */
	struct cw_str parent_url;
	struct cw_str submitted_by;   /* who handed it in, as the system or his key says (audit.h); empty = it was fetched */
};
#define CW_SUBMITTER_MAX 160u
int cw_document_info_put(struct cw_buf *buf, const struct cw_document_info *info);
int cw_document_info_get(struct cw_cursor *cursor, struct cw_document_info *ret, struct cw_error *err);

/* A link that a step's document holds. The normaliser says what it found; whether it is followed is the daemon's to
 * decide. Strings borrowed. */
struct cw_doc_link {
	struct cw_str step; /* that reads the document behind it; empty = the feed's own format */
	struct cw_str url;  /* absolute, http or https, without fragment */
	struct cw_str text; /* at most CW_LINK_TEXT_MAX bytes, white space in runs of one blank */
};
int cw_doc_link_put(struct cw_buf *buf, const struct cw_doc_link *link);
int cw_doc_link_get(struct cw_cursor *cursor, struct cw_doc_link *ret, struct cw_error *err);

/* What became of a document's rows. */
struct cw_document_tally {
	enum cw_reason outcome;  /* NONE: parsed; else a document reason */
	uint64_t rows;           /* data rows seen */
	uint64_t evidence;       /* records sent */
	uint64_t reasons[CW_REASON_COUNT]; /* rows by reason (BAD_VALUE counts values) */
	struct cw_str detail;    /* one sentence on a failed outcome; borrowed */
};
int cw_document_tally_put(struct cw_buf *buf, const struct cw_document_tally *tally);
int cw_document_tally_get(struct cw_cursor *cursor, struct cw_document_tally *ret, struct cw_error *err);

struct cw_commit_info {
	bool duplicate;          /* was committed before: nothing changed */
	struct cw_document_tally tally;
	uint64_t new_evidence;   /* records not known before */
	uint64_t quarantined;
	uint64_t alerts;         /* alerts this commit raised */
	uint64_t last_seq;       /* of the alert stream after it */
};
int cw_commit_info_put(struct cw_buf *buf, const struct cw_commit_info *info);
int cw_commit_info_get(struct cw_cursor *cursor, struct cw_commit_info *ret, struct cw_error *err);

/* Health of a feed as the daemon sees it; sent when it changes and once at start for every polled feed. */
struct cw_feed_state {
	struct cw_str feed;
	bool polled;                   /* enabled, has a URL or path, and fetching is on */
	struct cw_wall last_success;   /* fetched or confirmed unchanged; NONE = never */
	struct cw_wall outage_since;   /* NONE = healthy; else when 3 x its interval had passed without success */
	struct cw_str detail;          /* last failure, one sentence */
};
int cw_feed_state_put(struct cw_buf *buf, const struct cw_feed_state *state);
int cw_feed_state_get(struct cw_cursor *cursor, struct cw_feed_state *ret, struct cw_error *err);

/* Entries of the quarantine that a person says need no mend: they stay, with who said so and why, and are not shown. */
#define CW_DISMISS_MAX 256u
struct cw_dismissal {
	struct cw_str author; /* a role */
	struct cw_str why;
	size_t n;
	uint64_t ids[CW_DISMISS_MAX];
};
int cw_dismissal_put(struct cw_buf *buf, const struct cw_dismissal *dismissal);
int cw_dismissal_get(struct cw_cursor *cursor, struct cw_dismissal *ret, struct cw_error *err);

/* Who sent the assessor what a normaliser may not, as the bus knows it (bus.h), and what it was. Texts borrowed. */
struct cw_accusation {
	pid_t pid;         /* 0 = not a process of this machine */
	struct cw_str key; /* name of its key; empty = none */
	struct cw_str why;
};
int cw_accusation_put(struct cw_buf *buf, const struct cw_accusation *accusation);
int cw_accusation_get(struct cw_cursor *cursor, struct cw_accusation *ret, struct cw_error *err);

/* What retention removes, or would, by rule and feed. */
#define CW_RETAINED_MAX 4096u
struct cw_retained {
	struct cw_str rule; /* a key of the section "retention" */
	struct cw_str what; /* "documents", "statements", "everything" */
	struct cw_str feed;
	uint64_t n;
	struct cw_wall oldest;
};
int cw_retained_put(struct cw_buf *buf, const struct cw_retained *row);
int cw_retained_get(struct cw_cursor *cursor, struct cw_retained *ret, struct cw_error *err);

/* Who may come in at a door ("alerts"): a name and a public key each. The list that is read is owned, and empty on failure. */
int cw_allow_put(struct cw_buf *buf, const char *door, const struct cw_allowed *allowed);
int cw_allow_get(struct cw_cursor *cursor, struct cw_str *ret_door, struct cw_allowed *ret, struct cw_error *err);

#endif
