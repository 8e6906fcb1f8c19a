/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the device server: third party copies (SPC-4 5.16, SBC-3 4.28). A copy is one command that
 * runs in the foreground: its parameter list says between which ranges of which logical units, and
 * copy.c moves them piece by piece.
 *
 * A copy knows only logical units of its own nexus, and does there what this nexus may do: nothing
 * that the host could not read and write itself.
 *
 * The command's buffer: parameter list, struct copy_job, then the data of one piece.
 */
#ifndef SRPTD_SCSI_COPY_H
#define SRPTD_SCSI_COPY_H

#include "scsi/internal.h"

enum {
	COPY_MAX_CSCDS = 16,
	COPY_MAX_SEGMENTS = 64,
	COPY_MAX_RANGES = 64,		 /* of one token, or of one use of it */
	COPY_MAX_SEGMENT_LEN = 64 << 20, /* bytes */
	COPY_MAX_TOKEN_LEN = 1 << 30,	 /* bytes of one token; its use in one command */
	COPY_MAX_TOKENS = 64,		 /* of one logical unit */
	COPY_SLOTS = 8,		 /* of one nexus: copies that run or whose end is remembered */
	COPY_TOKEN_TIMEOUT = 30, /* seconds without use, unless asked for otherwise */
	COPY_TOKEN_TIMEOUT_MAX = 300,

	COPY_CSCD_LEN = 32,
	COPY_SEGMENT_LEN = 28,
	COPY_RANGE_LEN = 16,
	COPY_TOKEN_LEN = 512,
	COPY_LIST_MAX = 16 + COPY_MAX_CSCDS * COPY_CSCD_LEN + COPY_MAX_SEGMENTS * COPY_SEGMENT_LEN,
	COPY_JOB_AT = 4096,
	COPY_DATA_AT = 8192,
	COPY_PIECE = SCSI_BUF_LEN - COPY_DATA_AT, /* bytes through the buffer at a time */
	COPY_OFFLOAD_PIECE = 4 << 20,		  /* ... by the kernel */
};

_Static_assert(COPY_LIST_MAX <= COPY_JOB_AT, "a parameter list fits before the job");
_Static_assert(24 + COPY_TOKEN_LEN + COPY_MAX_RANGES * COPY_RANGE_LEN <= COPY_JOB_AT,
	       "so does ODX's");

#define COPY_NO_ID UINT32_MAX /* list identifiers of EXTENDED COPY have 8 bits */

enum copy_state {
	COPY_FREE,
	COPY_RUNS,
	COPY_ENDED
};

/*
 * One copy of a nexus, running or remembered for who asks how it ended. While it runs it belongs to
 * its command, but for what names it and the two counts; afterwards to slots->lock.
 */
struct copy_slot {
	enum copy_state state;
	uint16_t lun;	/* to which the command went */
	uint8_t action; /* service action of THIRD-PARTY COPY OUT */
	uint32_t list_id;
	uint64_t seq;		     /* the oldest is forgotten first */
	_Atomic uint32_t n_segments; /* done */
	_Atomic uint64_t moved;	     /* bytes */
	uint8_t status;		     /* SCSI status of the end */
	uint8_t sense_len;
	uint8_t sense[SCSI_SENSE_MAX];
	bool has_token;
	uint8_t token[COPY_TOKEN_LEN]; /* that POPULATE TOKEN made */
	/* while it runs */
	struct scsi_itl *parties[COPY_MAX_CSCDS];
	unsigned int n_parties;
	struct copy_token *uses; /* held */
};

struct copy_slots {
	pthread_mutex_t lock;
	uint64_t seq;
	struct copy_slot slot[COPY_SLOTS];
};

/* What is copied now; in the command's buffer. */
struct copy_job {
	/* The next range: sets src (NULL = zeroes) to left and returns true; false: all is done. */
	bool (*next_range)(struct scsi_cmd *cmd);
	struct scsi_itl *src, *dst;
	uint64_t src_off, dst_off, left; /* bytes */
	uint64_t piece;			 /* under way */
	uint32_t n_done, n_ranges;
	bool by_buffer;	     /* the kernel cannot copy these */
	uint16_t segment_at; /* byte of the parameter list that the range comes from */
	/* EXTENDED COPY */
	unsigned int n_cscds;
	struct scsi_itl *cscd[COPY_MAX_CSCDS];
	/* WRITE USING TOKEN: ranges of the token and of the list, blocks of them that are done */
	uint32_t from_range;
	uint64_t from_done;
	uint64_t to_done;
	bool delete_token;
};

static inline struct copy_job *copy_job(const struct scsi_cmd *cmd)
{
	return (struct copy_job *)(cmd->buf + COPY_JOB_AT);
}

/*
 * Ask for the command's buffer, then run got_buf(); the parameter list has to have `least` to
 * `most` bytes. A list of length 0 is no error.
 */
enum scsi_next copy_fetch(struct scsi_cmd *cmd, uint32_t least, uint32_t most,
			  enum scsi_next (*got_buf)(struct scsi_cmd *cmd, int res));
/* Take a slot for the command. False: the command has its status. */
bool copy_take_slot(struct scsi_cmd *cmd, uint32_t list_id);
/* Another logical unit takes part; task management on it is to find the command. */
void copy_add_party(struct scsi_cmd *cmd, struct scsi_itl *itl);
/* Move range after range; n_ranges of them. */
enum scsi_next copy_run(struct scsi_cmd *cmd);
/* The command ends; its slot remembers how. */
enum scsi_next copy_end(struct scsi_cmd *cmd, enum scsi_next next);

/* The remembered or running copy of this nexus and logical unit, or NULL; slots->lock held. */
struct copy_slot *copy_find(struct copy_slots *slots, const struct scsi_itl *itl, uint32_t list_id,
			    bool of_tokens);

/* CHECK CONDITION for a byte of the parameter list. */
static inline enum scsi_next copy_bad_list(struct scsi_cmd *cmd, unsigned int byte)
{
	return copy_end(cmd, scsi_fail_field(cmd, SENSE_INVALID_FIELD_IN_PARAMETERS, byte, -1));
}

/* The only logical unit of this nexus with the designator (type and bytes of VPD 83h), or NULL. */
struct scsi_itl *copy_find_designator(const struct scsi_nexus *nexus, const uint8_t *designator);
/* Put the NAA designator of the logical unit as an identification CSCD descriptor. */
void copy_put_cscd(uint8_t *out, const struct scsi_lu *lu);

/* rod.c: let go of a token. */
void copy_token_put(struct copy_token *token);
bool copy_token_is_revoked(const struct copy_token *token);

#endif
