/*
 * server - the frame of the benchmark's libtirpc servers: program 900101 as rpcgen and svc_run make it
 *
 * Usage: SERVER [DIRECTORY]
 *
 * Listens for UDP and TCP on 127.0.0.1, one free port for both, with the library's own settings, without
 * rpcbind; prints the port. What an ADD does is in the file it is linked with: noop.c or original.c.
 * Ends with its parent.
 */
#include "server.h"
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

void dracprog_1(struct svc_req *, SVCXPRT *);
void dracprog_2(struct svc_req *, SVCXPRT *);

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int bind_socket(int type, uint16_t *port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(*port)};
	socklen_t length = sizeof at;
	int fd = socket(AF_INET, type, 0);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0)
		fail("socket");
	if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0) {
		close(fd);
		return -1;
	}
	getsockname(fd, (struct sockaddr *)&at, &length);
	*port = ntohs(at.sin_port);
	return fd;
}

static uint16_t bind_both(int *udp, int *tcp)
{
	for (int trial = 0; trial < 100; trial++) {
		uint16_t port = 0;
		*tcp = bind_socket(SOCK_STREAM, &port);
		*udp = bind_socket(SOCK_DGRAM, &port);
		if (*udp >= 0 && *tcp >= 0)
			return port;
		close(*tcp);
	}
	fail("bind");
	return 0;
}

static void serve(SVCXPRT *transport)
{
	/* Protocol 0: known to svc_run, not told to rpcbind. */
	if (!transport || !svc_register(transport, DRACPROG, DRACVERS, dracprog_1, 0) ||
	    !svc_register(transport, DRACPROG, DRACVERS_6, dracprog_2, 0))
		fail("svc_register");
}

int main(int argc, char **argv)
{
	int udp, tcp;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	prepare(argc > 1 ? argv[1] : ".");
	uint16_t port = bind_both(&udp, &tcp);
	if (listen(tcp, SOMAXCONN) < 0)
		fail("listen");
	serve(svcudp_create(udp));
	serve(svctcp_create(tcp, 0, 0));
	printf("%u\n", port);
	fflush(stdout);
	svc_run();
	return 1;
}
