/* The descriptors of nodes, which must not live on in the children of this process.
 *
 * All are close-on-exec, which is of no use to a child that never calls exec(2): it would hold the port and
 * the connections open for as long as it lives, whatever becomes of its parent. So each is written down here,
 * and a child of fork(3) closes its copies before fork returns. A child made without fork's handlers (vfork,
 * clone) keeps them. */
#ifndef KITH_BASE_DESCRIPTOR_H
#define KITH_BASE_DESCRIPTOR_H

/* Before any other, once or more often; any thread. 0, or -1 without memory. */
int descriptors_watch_forks(void);

/* How many forks lie between this process and the one that loaded the library: whoever finds another number
 * than before is in a child, if the threads and descriptors of before are not. Any thread. */
unsigned descriptors_forks(void);

/* Writes a new descriptor down, and returns it; one below 0 is returned as it is, and errno is kept. Any
 * thread. */
int descriptor_own(int fd);

/* Closes it. Any thread. */
void descriptor_close(int fd);

#endif
