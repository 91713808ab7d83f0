/* The real drivers: a thread for the writer and one for each reader. They block only when there is nothing to do, or
 * inside the database; the simulator does without them. */
#ifndef LINNET_STORAGE_THREAD_H
#define LINNET_STORAGE_THREAD_H

#include "lib/base/macros.h"
#include "server/storage/storage.h"

struct storage_threads;

/* Before anything is submitted; replaces the options' wake_writer and wake_reader. NULL, with nothing started, if the
 * system has no threads for us. All signals are blocked in them. */
CHECK struct storage_threads *storage_threads_start(struct storage *s);

/* Ends them once everything submitted has been committed and answered; what waits for the disk is not waited for. Then
 * the storage can be stepped by hand, or closed. Nobody submits meanwhile. */
void storage_threads_stop(struct storage_threads **t);

#endif
