/*
 * reflex - a server without RPC: each datagram or 48-byte record is answered with the fixed SUCCESS reply
 *
 * Shows how fast the load generator itself is: what it measures here is its own limit, and a measurement of a
 * server is worth something only well below it. Understands nothing but what load.c sends.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 64, CALL = 44, REPLY = 28, MARK = 4, MAX_FDS = 66, BUFFER = 1 << 17 };

static void answer(const uint8_t *call, uint8_t *reply)
{
	static const uint8_t tail[24] = {0, 0, 0, 1};
	memcpy(reply, call, 4);
	memcpy(reply + 4, tail, sizeof tail);
}

static void udp_turn(int fd)
{
	static uint8_t in[BATCH][256], out[BATCH][REPLY];
	static struct sockaddr_in from[BATCH];
	static struct iovec iov[BATCH];
	static struct mmsghdr m[BATCH];
	for (int i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){in[i], sizeof in[i]};
		m[i].msg_hdr = (struct msghdr){.msg_name = &from[i], .msg_namelen = sizeof from[i], .msg_iov = &iov[i], .msg_iovlen = 1};
	}
	int n = recvmmsg(fd, m, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++) {
		answer(in[i], out[i]);
		iov[i] = (struct iovec){out[i], REPLY};
	}
	if (n > 0)
		sendmmsg(fd, m, (unsigned)n, 0);
}

/* Returns 0 when the peer is gone. A record split between two reads is completed by a blocking read. */
static int tcp_turn(int fd)
{
	static uint8_t in[BUFFER], out[BUFFER];
	ssize_t n = recv(fd, in, sizeof in - CALL - MARK, 0);
	if (n <= 0)
		return 0;
	ssize_t rest = n % (CALL + MARK);
	if (rest && recv(fd, in + n, (size_t)(CALL + MARK - rest), MSG_WAITALL) != CALL + MARK - rest)
		return 0;
	size_t calls = ((size_t)n + CALL + MARK - 1) / (CALL + MARK);
	for (size_t i = 0; i < calls; i++) {
		uint8_t *reply = out + i * (REPLY + MARK);
		memcpy(reply, "\x80\x00\x00\x1c", MARK);
		answer(in + i * (CALL + MARK) + MARK, reply + MARK);
	}
	return send(fd, out, calls * (REPLY + MARK), MSG_NOSIGNAL) > 0;
}

int main(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t length = sizeof at;
	struct pollfd fds[MAX_FDS];
	int count = 2, bytes = 4 << 20;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int udp = socket(AF_INET, SOCK_DGRAM, 0), tcp = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(tcp, (struct sockaddr *)&at, sizeof at) < 0 || getsockname(tcp, (struct sockaddr *)&at, &length) < 0 ||
	    bind(udp, (struct sockaddr *)&at, sizeof at) < 0 || listen(tcp, 64) < 0) {
		perror("reflex");
		return 1;
	}
	if (setsockopt(udp, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) < 0)
		setsockopt(udp, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
	printf("%u\n", ntohs(at.sin_port));
	fflush(stdout);
	fds[0] = (struct pollfd){udp, POLLIN, 0};
	fds[1] = (struct pollfd){tcp, POLLIN, 0};
	while (poll(fds, (nfds_t)count, -1) >= 0) {
		if (fds[0].revents)
			udp_turn(udp);
		for (int i = 2; i < count; i++)
			if (fds[i].revents && !tcp_turn(fds[i].fd)) {
				close(fds[i].fd);
				fds[i--] = fds[--count];
			}
		if (fds[1].revents && count < MAX_FDS)
			fds[count++] = (struct pollfd){accept(tcp, NULL, NULL), POLLIN, 0};
	}
	return 1;
}
