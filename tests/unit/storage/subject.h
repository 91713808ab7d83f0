/* What the contract test needs to know of a back-end: how it is opened for a test, and how to bring it into trouble.
 * A second back-end gets a file beside subject_sqlite.c and a second program made of contract.c and that file. */
#ifndef LINNET_TEST_SUBJECT_H
#define LINNET_TEST_SUBJECT_H

#include "tests/unit/storage/harness.h"

struct subject {
	const char *group; /* what the tests are called together */
	/* Completes the fixture's options; then the storage can be opened, closed and opened again. */
	void (*prepare)(struct fixture *f);
	void (*cleanup)(struct fixture *f);

	/* Another program holds the database for writing, between these two. */
	void (*hold)(struct fixture *f);
	void (*let_go)(struct fixture *f);
	/* No room for anything more. */
	void (*set_full)(bool is_full);
	/* A flush reports an error. */
	void (*set_broken)(bool is_broken);
	/* True if everything written has been flushed: at the moment when a batch is handed back. */
	bool (*is_flushed)(void);
	/* Writes and flushes asked for until now, failed ones too; for back-ends that can know. */
	unsigned (*touched)(void);
	/* Makes the database one that cannot be read, while it is closed. */
	void (*corrupt)(struct fixture *f);
};

extern const struct subject contract_subject;

#endif
