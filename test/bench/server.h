/* server.h - what noop.c and original.c give to server.c, beside the two procedures rpcgen declares. */
#include "drac.h"

/* Called once, before the first call. Ends the program when it cannot. */
void prepare(const char *directory);
