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
 *   add=1        probe: ADDs of new clients instead, from index first on
 *
 * udp and tcp send version 1 ADDs. Every reply is compared whole (length, xid, verifier, accept_stat, addstat)
 * with the one right answer for one call that is outstanding on that very socket; all else is "wrong".
 * probe is load-probe.c.
 *
 * Prints one line of JSON. Times in microseconds, started/ended in epoch milliseconds, cpu = share of one core.
 * Exit 0: ran (wrong replies are in the JSON); 1: could not (refused, closed, no answer for 30 s); 64: usage.
 */
#define _GNU_SOURCE
#include "load.h"
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

enum {
	MAX_SOCKETS = 64,
	MAX_WINDOW = 1024,
	SLOT_BITS = 10,
	BATCH = 64,
	MARK_BYTES = 4,
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

static struct channel *channels;
static uint64_t next_call, stride = 1;
static int measuring;

/* ---- calls and replies ---- */

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

static void take_reply(struct channel *c, const uint8_t *at, size_t length, int64_t when)
{
	static const uint8_t accepted[24] = {0, 0, 0, 1};   /* REPLY, accepted, AUTH_NONE, empty, SUCCESS, ADD_SUCCESS */
	uint32_t xid;
	if (length < 4) {
		wrong_reply(&tally, at, length, "no xid");
		return;
	}
	memcpy(&xid, at, 4);
	xid = ntohl(xid);
	uint32_t index = xid & ((1u << SLOT_BITS) - 1);
	if (index >= (uint32_t)opt.window) {
		wrong_reply(&tally, at, length, "xid never sent");
		return;
	}
	struct slot *s = &c->slots[index];
	if (!s->busy || s->xid != xid) {
		if ((int32_t)(s->xid - xid) >= 0 && tally.late < tally.lost)
			tally.late++;
		else
			wrong_reply(&tally, at, length, "xid not outstanding here");
		return;
	}
	if (length != REPLY_BYTES || memcmp(at + 4, accepted, sizeof accepted) != 0)
		wrong_reply(&tally, at, length, "not SUCCESS");
	tally.replies++;
	if (measuring) {
		tally.measured++;
		record(&tally, when - s->sent);
	}
	free_slot(c, s);
}

/* ---- sockets ---- */

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
			wrong_reply(&tally, c->in + at, c->in_len - at, "record mark");
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
	stride = choose_stride(opt.set);
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
	print_result(&tally, began_wall, now_on(CLOCK_REALTIME), span);
}

/* ---- program ---- */

int main(int argc, char **argv)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 2; i < argc; i++)
		set_option(argv[i]);
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
