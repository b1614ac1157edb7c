/* The descriptors of this process. Included behind cmocka. */
#ifndef KITH_TESTS_DESCRIPTORS_H
#define KITH_TESTS_DESCRIPTORS_H

#include <dirent.h>

/* How many there are, and three more: "." and "..", and that of the look itself. */
static inline int count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int n = 0;
    assert_non_null(folder);
    while (readdir(folder)) {
        n++;
    }
    closedir(folder);
    return n;
}

#endif
