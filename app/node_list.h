/* The nodes that -connect and -addnode name: "[ID@]HOST[:PORT] ...", invitations (app/invitation.h) among
 * them, and pictures of these: PNG files. */
#ifndef KITH_APP_NODE_LIST_H
#define KITH_APP_NODE_LIST_H

#include "controller/config.h"

/* Any thread; blocks on the disk if the list names pictures. An entry is one if there is a '/' in it, "ws://"
 * aside, or if it ends with ".png" and there is such a file; and so is the whole text, so that a path may
 * have spaces in it. Returns the list with the text of its QR code in place of each picture, from malloc; or
 * NULL with the reason in `bad`. */
char *node_list_read_pictures(const char *text, char *bad, size_t bad_size);

/* Any thread; does not block. Reads such a list, without pictures. Without a `config` it looks at the form
 * alone; else an invitation to another protocol or network is an error, and the network's port stands for one
 * that is left out. 0, and the caller frees the list; or -1 with the reason in `bad`, and an empty list. */
int node_list_parse(struct address_list *list, const char *text, const struct config *config, char *bad,
                    size_t bad_size);

#endif
