/* The nodes that -connect and -addnode name: "[ID@]HOST[:PORT] ...", invitations (app/invitation.h) among
 * them. */
#ifndef KITH_APP_NODE_LIST_H
#define KITH_APP_NODE_LIST_H

#include "controller/config.h"

/* Any thread; does not block. Reads such a list. Without a `config` it looks at the form alone; else an
 * invitation to another protocol or network is an error, and the network's port stands for one that is left
 * out. 0, and the caller frees the list; or -1 with the reason in `bad`, and an empty list. */
int node_list_parse(struct address_list *list, const char *text, const struct config *config, char *bad,
                    size_t bad_size);

#endif
