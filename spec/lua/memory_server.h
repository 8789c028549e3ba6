/* The service and its store for memory.c. It is a process of its own, so that its memory does not
 * count, and calls that block are answered. */
#ifndef SPEC_MEMORY_SERVER_H
#define SPEC_MEMORY_SERVER_H

/* Starts it; it ends with this process. Returns its port on 127.0.0.1. */
int memory_server_start(void);

#endif
