/*
 * load.h - what the parts of the load generator share
 *
 * load.c drives ADDs, load-probe.c sends calls at even intervals, load-common.c holds what both need: options,
 * counts, time, latencies, messages, sockets. One process, one thread. ask.c, which asks look-ups, shares them too.
 */
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum {
	CALL_BYTES = 44,        /* an ADD of version 1; a NULL is 4 shorter */
	NULL_CALL_BYTES = 40,
	REPLY_BYTES = 28,
	NULL_REPLY_BYTES = 24,
	LATENCY_STEPS = 64,     /* in each power of two, so within 1.6 % */
	LATENCY_POWERS = 58
};

struct options {
	int port, sockets, window, burst, add, none;
	double seconds, warm, patience, every;
	uint64_t count, first, set;
	uint32_t base;
};

struct tally {
	uint64_t sent, replies, measured, wrong, lost, late;
	int64_t outstanding;
	/* Latencies, log-linear. */
	uint64_t latencies[LATENCY_STEPS * LATENCY_POWERS], latency_count;
	int64_t latency_max;
};

extern struct options opt;
extern struct tally tally;

/* Takes one word NAME=VALUE of the command line; ends the program when there is no such option. */
void set_option(char *word);

/* Golden-ratio steps: neighbours in time are far apart in a set, and each of it has its turn. */
uint64_t choose_stride(uint64_t set);

/* Nanoseconds. */
int64_t now_on(clockid_t clock);
int64_t now(void);

/* Ends the program with what errno says. */
void fail(const char *what);

/* One latency in nanoseconds, for the percentiles. */
void record(struct tally *t, int64_t ns);
/* A line of JSON. began, ended: by the wall clock; span: the seconds that the rate is over. */
void print_result(const struct tally *t, int64_t began, int64_t ended, double span);

void put(uint8_t *at, uint32_t word);
/* Writes a call of version 1 up to its argument, NULL_CALL_BYTES. */
void encode_call(uint8_t *at, uint32_t xid, uint32_t procedure);
/* Counts a reply that is not right, and shows the first few. */
void wrong_reply(struct tally *t, const uint8_t *at, size_t length, const char *why);

/* A socket of SOCK_DGRAM or SOCK_STREAM, connected to the server. */
int open_socket(int type);

/* The command `probe`. */
void probe(void);
