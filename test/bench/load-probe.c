/*
 * load-probe.c - calls over UDP at even intervals: how long a server lets one wait
 *
 * A NULL each opt.every milliseconds, whether or not the last was answered; with opt.add the ADD of a new client,
 * from opt.first on. The time of a reply is the kernel's at its
 * arrival, so that being scheduled late itself does not count.
 */
#define _GNU_SOURCE
#include "load.h"
#include <arpa/inet.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

enum { RING = 1 << 16 };

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
	ssize_t length = opt.add ? REPLY_BYTES : NULL_REPLY_BYTES;
	if (n != length || bytes[7] != 1 || bytes[23] != 0 || bytes[n - 1] != 0 || xid >= tally.sent || *sent == 0) {
		wrong_reply(&tally, bytes, (size_t)n, opt.add ? "ADD" : "NULL");
		return;
	}
	tally.replies++;
	tally.measured++;
	record(&tally, when - *sent);
	*sent = 0;
}

void probe(void)
{
	int fd = open_socket(SOCK_DGRAM), on = 1;
	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
	int64_t began_wall = now_on(CLOCK_REALTIME), began = now(), step = (int64_t)(opt.every * 1e6);
	int64_t until = began + (int64_t)(opt.seconds * 1e9), due = began, when;
	while ((when = now()) < until + (tally.replies < tally.sent ? 2000000000 : 0)) {
		if (when >= due && when < until) {
			uint8_t call[CALL_BYTES];
			encode_call(call, (uint32_t)tally.sent, opt.add ? 1 : 0);
			put(call + NULL_CALL_BYTES, opt.base + (uint32_t)(opt.first + tally.sent));
			probe_sent[tally.sent % RING] = now_on(CLOCK_REALTIME);
			tally.sent++;
			if (send(fd, call, opt.add ? CALL_BYTES : NULL_CALL_BYTES, 0) < 0)
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
	print_result(&tally, began_wall, now_on(CLOCK_REALTIME), opt.seconds);
}
