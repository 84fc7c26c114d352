/*
 * load - the benchmark's load generator for ONC RPC program 900101
 *
 * Usage: load udp|tcp|probe name=value ...
 *
 *   port=N       where the server listens on 127.0.0.1
 *   sockets=N    UDP sockets or TCP connections (default 1, at most 64)
 *   window=N     calls outstanding on each of them (default 1, at most 1024)
 *   seconds=S    measures for S seconds (after warm=S, which are driven and not counted)
 *   count=N      instead of seconds: N calls, one for each address, and ends when all are answered
 *   first=N      count: index of the first address
 *   set=N        seconds: the calls go round N addresses, in an order that jumps
 *   base=N       address of index 0, as a number
 *   burst=1      udp: sends full windows at once and only when nothing is outstanding
 *   patience=S   udp: a call without an answer for S seconds is lost (default 1)
 *   every=MS     probe: one NULL each MS milliseconds, whether or not the last was answered
 *
 * udp and tcp send version 1 ADDs. Every reply is compared whole (length, xid, verifier, accept_stat, addstat)
 * with the one right answer for one call that is outstanding on that very socket; all else is "wrong".
 * probe sends NULLs over UDP and takes the time of the kernel at the reply's arrival, so that being scheduled
 * late itself does not count.
 *
 * Prints one line of JSON. Times in microseconds, started/ended in epoch milliseconds, cpu = share of one core.
 * Exit 0: ran (wrong replies are in the JSON); 1: could not (refused, closed, no answer for 30 s); 64: usage.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <signal.h>
#include <unistd.h>

enum {
	MAX_SOCKETS = 64,
	MAX_WINDOW = 1024,
	SLOT_BITS = 10,
	BATCH = 64,
	CALL_BYTES = 44,
	REPLY_BYTES = 28,
	NULL_REPLY_BYTES = 24,
	MARK_BYTES = 4,
	RING = 1 << 16,
	SILENCE_LIMIT_S = 30
};

struct slot {
	uint32_t xid;        /* of the call that is outstanding, or of the last one */
	int busy;
	int64_t sent;        /* ns */
};

struct channel {
	int fd;
	struct slot slots[MAX_WINDOW];
	uint16_t idle[MAX_WINDOW];
	int idle_count;
	uint8_t *in, *out;   /* tcp */
	size_t in_len, out_len, out_off;
};

static struct {
	int port, sockets, window, burst;
	double seconds, warm, patience, every;
	uint64_t count, first, set;
	uint32_t base;
} opt = {.sockets = 1, .window = 1, .set = 1, .patience = 1, .every = 2};

static struct {
	uint64_t sent, replies, measured, wrong, lost, late;
	int64_t outstanding;
} tally;

static struct channel *channels;
static uint64_t next_call, stride = 1;
static int measuring;

/* ---- time ---- */

static int64_t now_on(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t now(void) { return now_on(CLOCK_MONOTONIC); }

static void fail(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, errno ? strerror(errno) : "gave up");
	exit(1);
}

/* ---- latencies: log-linear, 64 steps in each power of two, so within 1.6 % ---- */

static uint64_t histogram[64 * 64], histogram_total;
static int64_t histogram_max;

static int bucket_of(int64_t ns)
{
	uint64_t v = ns < 64 ? 64 : (uint64_t)ns;
	int power = 63 - __builtin_clzll(v);
	return (power - 6) * 64 + (int)((v >> (power - 6)) - 64);
}

static void record(int64_t ns)
{
	histogram[bucket_of(ns)]++;
	histogram_total++;
	if (ns > histogram_max)
		histogram_max = ns;
}

static double percentile_us(double p)
{
	uint64_t want = (uint64_t)(p * (double)histogram_total), seen = 0;
	for (int i = 0; i < 64 * 58; i++) {
		seen += histogram[i];
		if (seen > want)
			return (double)(((uint64_t)(i % 64) + 64) << (i / 64)) / 1000.0;
	}
	return (double)histogram_max / 1000.0;
}

static void print_result(int64_t began, int64_t ended, double span)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	double cpu = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
	printf("{\"sent\":%llu,\"replies\":%llu,\"wrong\":%llu,\"lost\":%llu,\"late\":%llu,\"seconds\":%.4f,\"rate\":%.1f,",
	       (unsigned long long)tally.sent, (unsigned long long)tally.replies, (unsigned long long)tally.wrong,
	       (unsigned long long)tally.lost, (unsigned long long)tally.late, span, (double)tally.measured / span);
	printf("\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f,\"started\":%.3f,\"ended\":%.3f,\"cpu\":%.3f}\n",
	       percentile_us(0.5), percentile_us(0.99), percentile_us(0.999), (double)histogram_max / 1000.0,
	       (double)began / 1e6, (double)ended / 1e6, cpu / ((double)(ended - began) / 1e9));
}

/* ---- calls and replies ---- */

static void put(uint8_t *at, uint32_t word)
{
	word = htonl(word);
	memcpy(at, &word, 4);
}

static void encode_call(uint8_t *at, uint32_t xid, uint32_t procedure)
{
	static const uint32_t head[] = {0, 2, 900101, 1};
	put(at, xid);
	for (int i = 0; i < 4; i++)
		put(at + 4 + 4 * i, head[i]);
	put(at + 20, procedure);
	memset(at + 24, 0, 16);      /* AUTH_NONE twice */
}

static uint64_t gcd(uint64_t a, uint64_t b) { return b ? gcd(b, a % b) : a; }

/* Golden-ratio steps: neighbours in time are far apart in the set, and each address has its turn. */
static void choose_stride(void)
{
	stride = (uint64_t)(0.6180339887 * (double)opt.set) | 1;
	while (gcd(stride, opt.set) != 1)
		stride += 2;
}

static uint32_t next_address(void)
{
	uint64_t call = next_call++;
	return opt.base + (uint32_t)(opt.count ? opt.first + call : (call % opt.set) * stride % opt.set);
}

static int more_to_send(void) { return !opt.count || next_call < opt.count; }

/* Takes an idle slot and writes its call. */
static void take_slot(struct channel *c, uint8_t *at, int64_t when)
{
	int index = c->idle[--c->idle_count];
	struct slot *s = &c->slots[index];
	s->xid = s->xid + (1u << SLOT_BITS);
	s->busy = 1;
	s->sent = when;
	encode_call(at, s->xid, 1);
	put(at + 40, next_address());
	tally.sent++;
	tally.outstanding++;
}

static void free_slot(struct channel *c, struct slot *s)
{
	s->busy = 0;
	c->idle[c->idle_count++] = (uint16_t)(s - c->slots);
	tally.outstanding--;
}

static void wrong_reply(const uint8_t *at, size_t length, const char *why)
{
	if (tally.wrong++ > 4)
		return;
	fprintf(stderr, "load: wrong reply (%s), %zu bytes:", why, length);
	for (size_t i = 0; i < length && i < 48; i++)
		fprintf(stderr, "%s%02x", i % 4 ? "" : " ", at[i]);
	fprintf(stderr, "\n");
}

static void take_reply(struct channel *c, const uint8_t *at, size_t length, int64_t when)
{
	static const uint8_t accepted[24] = {0, 0, 0, 1};   /* REPLY, accepted, AUTH_NONE, empty, SUCCESS, ADD_SUCCESS */
	uint32_t xid;
	if (length < 4) {
		wrong_reply(at, length, "no xid");
		return;
	}
	memcpy(&xid, at, 4);
	xid = ntohl(xid);
	uint32_t index = xid & ((1u << SLOT_BITS) - 1);
	if (index >= (uint32_t)opt.window) {
		wrong_reply(at, length, "xid never sent");
		return;
	}
	struct slot *s = &c->slots[index];
	if (!s->busy || s->xid != xid) {
		if ((int32_t)(s->xid - xid) >= 0 && tally.late < tally.lost)
			tally.late++;
		else
			wrong_reply(at, length, "xid not outstanding here");
		return;
	}
	if (length != REPLY_BYTES || memcmp(at + 4, accepted, sizeof accepted) != 0)
		wrong_reply(at, length, "not SUCCESS");
	tally.replies++;
	if (measuring) {
		tally.measured++;
		record(when - s->sent);
	}
	free_slot(c, s);
}

/* ---- sockets ---- */

static int open_socket(int type)
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

static void open_channels(int type)
{
	channels = calloc((size_t)opt.sockets, sizeof *channels);
	for (int i = 0; i < opt.sockets; i++) {
		struct channel *c = &channels[i];
		c->fd = open_socket(type);
		for (int j = opt.window; j-- > 0;) {
			c->slots[j].xid = (uint32_t)j;
			c->idle[c->idle_count++] = (uint16_t)j;
		}
		if (type == SOCK_STREAM) {
			c->in = malloc(MAX_WINDOW * (REPLY_BYTES + MARK_BYTES) * 2);
			c->out = malloc(MAX_WINDOW * (CALL_BYTES + MARK_BYTES));
		}
	}
}

/* ---- UDP ---- */

static void udp_send(struct channel *c)
{
	static uint8_t bytes[BATCH][CALL_BYTES];
	static struct iovec iov[BATCH];
	static struct mmsghdr messages[BATCH];
	while (c->idle_count > 0 && more_to_send()) {
		int n = 0;
		int64_t when = now();
		for (; n < BATCH && c->idle_count > 0 && more_to_send(); n++) {
			take_slot(c, bytes[n], when);
			iov[n] = (struct iovec){bytes[n], CALL_BYTES};
			messages[n].msg_hdr = (struct msghdr){.msg_iov = &iov[n], .msg_iovlen = 1};
		}
		for (int done = 0; done < n;) {
			int k = sendmmsg(c->fd, messages + done, (unsigned)(n - done), 0);
			if (k < 0 && errno != EINTR)
				fail("sendmmsg");
			done += k > 0 ? k : 0;
		}
	}
}

static void udp_receive(struct channel *c)
{
	static uint8_t bytes[BATCH][256];
	static struct iovec iov[BATCH];
	static struct mmsghdr messages[BATCH];
	int n;
	do {
		for (int i = 0; i < BATCH; i++) {
			iov[i] = (struct iovec){bytes[i], sizeof bytes[i]};
			messages[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
		}
		n = recvmmsg(c->fd, messages, BATCH, MSG_DONTWAIT, NULL);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			fail("recvmmsg");
		int64_t when = now();
		for (int i = 0; i < n; i++)
			take_reply(c, bytes[i], messages[i].msg_len, when);
	} while (n == BATCH);
}

static void udp_give_up(int64_t when)
{
	for (int i = 0; i < opt.sockets; i++)
		for (int j = 0; j < opt.window; j++) {
			struct slot *s = &channels[i].slots[j];
			if (s->busy && when - s->sent > (int64_t)(opt.patience * 1e9)) {
				tally.lost++;
				free_slot(&channels[i], s);
			}
		}
}

/* ---- TCP ---- */

static void tcp_send(struct channel *c)
{
	if (c->out_off == c->out_len) {
		c->out_off = c->out_len = 0;
		int64_t when = now();
		while (c->idle_count > 0 && more_to_send()) {
			put(c->out + c->out_len, 0x80000000u | CALL_BYTES);
			take_slot(c, c->out + c->out_len + MARK_BYTES, when);
			c->out_len += MARK_BYTES + CALL_BYTES;
		}
	}
	if (c->out_off < c->out_len) {
		ssize_t n = send(c->fd, c->out + c->out_off, c->out_len - c->out_off, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			fail("send");
		c->out_off += n > 0 ? (size_t)n : 0;
	}
}

static void tcp_receive(struct channel *c)
{
	ssize_t n = recv(c->fd, c->in + c->in_len, MAX_WINDOW * (REPLY_BYTES + MARK_BYTES) * 2 - c->in_len, 0);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		fail("connection closed by the server");
	if (n < 0)
		return;
	c->in_len += (size_t)n;
	size_t at = 0;
	int64_t when = now();
	while (c->in_len - at >= MARK_BYTES) {
		uint32_t mark;
		memcpy(&mark, c->in + at, 4);
		size_t length = ntohl(mark) & 0x7fffffff;
		if (!(ntohl(mark) >> 31) || length > 256) {
			wrong_reply(c->in + at, c->in_len - at, "record mark");
			errno = 0;
			fail("lost the record boundary");
		}
		if (c->in_len - at < MARK_BYTES + length)
			break;
		take_reply(c, c->in + at + MARK_BYTES, length, when);
		at += MARK_BYTES + length;
	}
	memmove(c->in, c->in + at, c->in_len - at);
	c->in_len -= at;
}

/* ---- udp and tcp: drive, measure, drain ---- */

static void pump(int udp, int sending)
{
	static struct pollfd waits[MAX_SOCKETS];
	int may_send = sending && !(opt.burst && tally.outstanding > 0);
	for (int i = 0; i < opt.sockets; i++) {
		struct channel *c = &channels[i];
		if (udp && may_send)
			udp_send(c);
		else if (!udp && (sending || c->out_off < c->out_len))
			tcp_send(c);
		waits[i] = (struct pollfd){c->fd, POLLIN, 0};
		if (c->out_off < c->out_len)
			waits[i].events |= POLLOUT;
	}
	if (poll(waits, (nfds_t)opt.sockets, 20) < 0 && errno != EINTR)
		fail("poll");
	for (int i = 0; i < opt.sockets; i++)
		if (waits[i].revents & (POLLIN | POLLERR | POLLHUP)) {
			if (udp)
				udp_receive(&channels[i]);
			else
				tcp_receive(&channels[i]);
		}
}

static void drive(int udp)
{
	open_channels(udp ? SOCK_DGRAM : SOCK_STREAM);
	choose_stride();
	int64_t began_wall = now_on(CLOCK_REALTIME), began = now(), heard = began, looked = began;
	int64_t from = began + (int64_t)(opt.warm * 1e9), until = from + (int64_t)(opt.seconds * 1e9);
	int64_t when = began;
	uint64_t replies = 0;
	for (;;) {
		int sending = opt.count ? more_to_send() : when < until;
		measuring = opt.count || (when >= from && when < until);
		if (!sending && tally.outstanding == 0)
			break;
		pump(udp, sending);
		when = now();
		if (tally.replies != replies) {
			replies = tally.replies;
			heard = when;
		}
		if (when - heard > (int64_t)SILENCE_LIMIT_S * 1000000000) {
			errno = 0;
			fail("no reply for 30 s");
		}
		if (udp && when - looked > 10000000) {
			udp_give_up(when);
			looked = when;
		}
	}
	double span = opt.count ? (double)(when - began) / 1e9 : opt.seconds;
	print_result(began_wall, now_on(CLOCK_REALTIME), span);
}

/* ---- probe ---- */

static int64_t probe_sent[RING];

static void probe_receive(int fd)
{
	uint8_t bytes[256], control[256];
	struct iovec iov = {bytes, sizeof bytes};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
	ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT);
	uint32_t xid;
	if (n < 4)
		return;
	memcpy(&xid, bytes, 4);
	xid = ntohl(xid);
	int64_t *sent = &probe_sent[xid % RING], when = now_on(CLOCK_REALTIME);
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h))
		if (h->cmsg_type == SCM_TIMESTAMPNS) {
			struct timespec t;
			memcpy(&t, CMSG_DATA(h), sizeof t);
			when = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
		}
	if (n != NULL_REPLY_BYTES || bytes[7] != 1 || bytes[23] != 0 || xid >= tally.sent || *sent == 0) {
		wrong_reply(bytes, (size_t)n, "NULL");
		return;
	}
	tally.replies++;
	tally.measured++;
	record(when - *sent);
	*sent = 0;
}

static void probe(void)
{
	int fd = open_socket(SOCK_DGRAM), on = 1;
	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
	int64_t began_wall = now_on(CLOCK_REALTIME), began = now(), step = (int64_t)(opt.every * 1e6);
	int64_t until = began + (int64_t)(opt.seconds * 1e9), due = began, when;
	while ((when = now()) < until + (tally.replies < tally.sent ? 2000000000 : 0)) {
		if (when >= due && when < until) {
			uint8_t call[CALL_BYTES];
			encode_call(call, (uint32_t)tally.sent, 0);
			probe_sent[tally.sent % RING] = now_on(CLOCK_REALTIME);
			tally.sent++;
			if (send(fd, call, 40, 0) < 0)
				fail("send");
			due += step * ((when - due) / step + 1);
		}
		int64_t left = (due < until ? due : until) - now();
		struct timespec t = {0, left > 0 ? left : (when < until ? 0 : 1000000)};
		struct pollfd w = {fd, POLLIN, 0};
		if (ppoll(&w, 1, &t, NULL) > 0)
			probe_receive(fd);
	}
	tally.lost = tally.sent - tally.replies;
	print_result(began_wall, now_on(CLOCK_REALTIME), opt.seconds);
}

/* ---- program ---- */

static void set_option(const char *name, double value)
{
	if (!strcmp(name, "port")) opt.port = (int)value;
	else if (!strcmp(name, "sockets")) opt.sockets = (int)value;
	else if (!strcmp(name, "window")) opt.window = (int)value;
	else if (!strcmp(name, "burst")) opt.burst = (int)value;
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

int main(int argc, char **argv)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 2; i < argc; i++) {
		char *equals = strchr(argv[i], '=');
		if (equals)
			*equals = 0;
		set_option(argv[i], equals ? strtod(equals + 1, NULL) : 1);
	}
	if (argc < 2 || opt.port < 1 || opt.port > 65535 || opt.sockets < 1 || opt.sockets > MAX_SOCKETS || opt.window < 1 ||
	    opt.window > MAX_WINDOW || opt.set < 1 || (!opt.count && opt.seconds <= 0)) {
		fprintf(stderr, "usage: load udp|tcp|probe port=N seconds=S|count=N [name=value ...]\n");
		return 64;
	}
	if (!strcmp(argv[1], "probe"))
		probe();
	else
		drive(!strcmp(argv[1], "udp"));
	return 0;
}
