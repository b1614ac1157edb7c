/* The descriptors of nodes, which must not live on in the children of this process.
 *
 * All are close-on-exec. That is of no use to a child that never calls exec(2): it would hold the port and
 * the connections open as long as it lives. So this file lists the descriptors, and a child of fork(3) closes
 * its copies before fork returns. A child made without fork's handlers (vfork, clone) keeps them. */
#ifndef KITH_BASE_DESCRIPTOR_H
#define KITH_BASE_DESCRIPTOR_H

#include <stdbool.h>

/* To be called before the other functions; further calls do nothing. Any thread. 0, or -1 if memory is short.
 */
int descriptors_watch_forks(void);

/* The number of forks between this process and the one that loaded the library. A caller that finds another
 * number than before is in a child, which has neither the threads nor the descriptors of before. Any thread.
 */
unsigned descriptors_forks(void);

/* Lists a new descriptor, and returns it. If fd is below 0, returns it and lists nothing. Keeps errno. Any
 * thread. */
int descriptor_own(int fd);

/* The last descriptors that the process may have are for files: the peers file is written though strangers
 * hold all others. */
#define DESCRIPTORS_FOR_FILES 8

/* As descriptor_own, for what strangers can have the node open. -1 with EMFILE, and fd is closed, if it is
 * one of those for files. */
int descriptor_own_scarce(int fd);

/* Whether descriptor_own_scarce would take one now. Costs two system calls. */
bool descriptor_is_spare(void);

/* Closes fd and takes it off the list. Any thread. */
void descriptor_close(int fd);

#endif
