/* load-common.c - see load.h */
#define _GNU_SOURCE
#include "load.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

struct options opt = {.sockets = 1, .window = 1, .set = 1, .patience = 1, .every = 2};
struct tally tally;

/* ---- options ---- */

void set_option(char *word)
{
	const char *name = word;
	char *equals = strchr(word, '=');
	double value = equals ? strtod(equals + 1, NULL) : 1;
	if (equals)
		*equals = 0;
	if (!strcmp(name, "port")) opt.port = (int)value;
	else if (!strcmp(name, "sockets")) opt.sockets = (int)value;
	else if (!strcmp(name, "window")) opt.window = (int)value;
	else if (!strcmp(name, "burst")) opt.burst = (int)value;
	else if (!strcmp(name, "add")) opt.add = (int)value;
	else if (!strcmp(name, "none")) opt.none = (int)value;
	else if (!strcmp(name, "seconds")) opt.seconds = value;
	else if (!strcmp(name, "warm")) opt.warm = value;
	else if (!strcmp(name, "patience")) opt.patience = value;
	else if (!strcmp(name, "every")) opt.every = value;
	else if (!strcmp(name, "count")) opt.count = (uint64_t)value;
	else if (!strcmp(name, "first")) opt.first = (uint64_t)value;
	else if (!strcmp(name, "set")) opt.set = (uint64_t)value;
	else if (!strcmp(name, "base")) opt.base = (uint32_t)value;
	else {
		fprintf(stderr, "load: no option %s\n", name);
		exit(64);
	}
}

/* ---- addresses ---- */

static uint64_t gcd(uint64_t a, uint64_t b) { return b ? gcd(b, a % b) : a; }

uint64_t choose_stride(uint64_t set)
{
	uint64_t stride = (uint64_t)(0.6180339887 * (double)set) | 1;
	while (gcd(stride, set) != 1)
		stride += 2;
	return stride;
}

/* ---- time ---- */

int64_t now_on(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t now(void) { return now_on(CLOCK_MONOTONIC); }

void fail(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, errno ? strerror(errno) : "gave up");
	exit(1);
}

/* ---- latencies ---- */

static int bucket_of(int64_t ns)
{
	uint64_t v = ns < LATENCY_STEPS ? LATENCY_STEPS : (uint64_t)ns;
	int power = 63 - __builtin_clzll(v);
	return (power - 6) * LATENCY_STEPS + (int)((v >> (power - 6)) - LATENCY_STEPS);
}

void record(struct tally *t, int64_t ns)
{
	t->latencies[bucket_of(ns)]++;
	t->latency_count++;
	if (ns > t->latency_max)
		t->latency_max = ns;
}

static double percentile_us(const struct tally *t, double p)
{
	uint64_t want = (uint64_t)(p * (double)t->latency_count), seen = 0;
	for (int i = 0; i < LATENCY_STEPS * LATENCY_POWERS; i++) {
		seen += t->latencies[i];
		if (seen > want)
			return (double)(((uint64_t)(i % LATENCY_STEPS) + LATENCY_STEPS) << (i / LATENCY_STEPS)) / 1000.0;
	}
	return (double)t->latency_max / 1000.0;
}

void print_result(const struct tally *t, int64_t began, int64_t ended, double span)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	double cpu = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
	printf("{\"sent\":%llu,\"replies\":%llu,\"wrong\":%llu,\"lost\":%llu,\"late\":%llu,\"seconds\":%.4f,\"rate\":%.1f,",
	       (unsigned long long)t->sent, (unsigned long long)t->replies, (unsigned long long)t->wrong,
	       (unsigned long long)t->lost, (unsigned long long)t->late, span, (double)t->measured / span);
	printf("\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f,\"started\":%.3f,\"ended\":%.3f,\"cpu\":%.3f}\n",
	       percentile_us(t, 0.5), percentile_us(t, 0.99), percentile_us(t, 0.999), (double)t->latency_max / 1000.0,
	       (double)began / 1e6, (double)ended / 1e6, cpu / ((double)(ended - began) / 1e9));
}

/* ---- messages ---- */

void put(uint8_t *at, uint32_t word)
{
	word = htonl(word);
	memcpy(at, &word, 4);
}

void encode_call(uint8_t *at, uint32_t xid, uint32_t procedure)
{
	static const uint32_t head[] = {0, 2, 900101, 1};
	put(at, xid);
	for (int i = 0; i < 4; i++)
		put(at + 4 + 4 * i, head[i]);
	put(at + 20, procedure);
	memset(at + 24, 0, 16);      /* AUTH_NONE twice */
}

void wrong_reply(struct tally *t, const uint8_t *at, size_t length, const char *why)
{
	if (t->wrong++ > 4)
		return;
	fprintf(stderr, "load: wrong reply (%s), %zu bytes:", why, length);
	for (size_t i = 0; i < length && i < 48; i++)
		fprintf(stderr, "%s%02x", i % 4 ? "" : " ", at[i]);
	fprintf(stderr, "\n");
}

/* ---- sockets ---- */

int open_socket(int type)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)opt.port)};
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, type, 0), bytes = 4 << 20, on = 1;
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
		fail("connect");
	if (type == SOCK_DGRAM) {
		if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) < 0)
			setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
	} else {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		fcntl(fd, F_SETFL, O_NONBLOCK);
	}
	return fd;
}
