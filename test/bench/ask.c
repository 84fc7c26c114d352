/*
 * ask - the benchmark's mail servers: they ask dracd's look-ups about clients, on many connections at once
 *
 * Usage: ask seconds=S set=N base=N [name=value ...] KIND=PLACE ...
 *
 *   KIND=PLACE   socketmap or policy, and where it listens: the path of a unix socket, or a port of 127.0.0.1
 *   sockets=N    connections of each kind (default 1, at most 64)
 *   window=N     questions outstanding on each of them (default 1, as mail servers do; at most 256)
 *   seconds=S    measures for S seconds (after warm=S, which are driven and not counted)
 *   set=N        clients that hold a grant, in an order that jumps
 *   base=N       address of the first of them, as a number
 *   none=1       asks only about clients that hold none
 *
 * Every other question is about a client in 10.0.0.0/8, who holds none. A question is what Postfix 3.7 sends: for a
 * policy, all its attributes. Each answer is compared whole with the one that is right; all else is "wrong".
 *
 * Prints a line of JSON for each KIND, in their order; see load. cpu is that of all kinds together.
 * Exit 0: ran; 1: could not (refused, closed, no answer for 10 s); 64: usage.
 */
#define _GNU_SOURCE
#include "load.h"
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	MAX_KINDS = 2,
	MAX_SOCKETS = 64,
	MAX_WINDOW = 256,
	MAX_QUESTION = 1024,
	ANSWER_BYTES = 16,
	NOBODY = 10 << 24,
	SILENCE_LIMIT_MS = 10000
};

static const char POLICY_HEAD[] = "request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\nclient_address=";
static const char POLICY_TAIL[] =
	"\nclient_name=unknown\nclient_port=41234\nreverse_client_name=unknown\nserver_address=127.0.0.1\nserver_port=25\n"
	"helo_name=client.example\nsender=sender@foreign.example\nrecipient=somebody@foreign.example\nrecipient_count=0\n"
	"queue_id=\ninstance=1b2d.6925d6a1.3e5a1.0\nsize=0\netrn_domain=\nstress=\nsasl_method=\nsasl_username=\nsasl_sender=\n"
	"ccert_subject=\nccert_issuer=\nccert_fingerprint=\nccert_pubkey_fingerprint=\nencryption_protocol=\n"
	"encryption_cipher=\nencryption_keysize=0\npolicy_context=\n\n";

static int encode_socketmap(char *at, const char *client)
{
	return sprintf(at, "%zu:relay %s,", strlen("relay ") + strlen(client), client);
}

static int encode_policy(char *at, const char *client)
{
	return sprintf(at, "%s%s%s", POLICY_HEAD, client, POLICY_TAIL);
}

struct kind {
	const char *name, *yes, *no;
	int (*encode)(char *at, const char *client);
	const char *place;
	struct tally tally;
};

static struct kind known[] = {
	{.name = "socketmap", .yes = "5:OK OK,", .no = "9:NOTFOUND ,", .encode = encode_socketmap},
	{.name = "policy", .yes = "action=OK\n\n", .no = "action=DUNNO\n\n", .encode = encode_policy},
};

struct channel {
	int fd;
	struct kind *kind;
	/* Questions outstanding, the oldest at `first`: when they were asked, and what is to be answered. */
	struct {
		int64_t sent;
		const char *answer;
	} asked[MAX_WINDOW];
	unsigned first, outstanding;
	char in[MAX_WINDOW * ANSWER_BYTES];
	size_t in_len;
};

static struct kind *kinds[MAX_KINDS];
static int kind_count;
static struct channel *channels;
static int measuring;

static int connect_to(const char *place)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	if (place[0] != '/') {
		opt.port = atoi(place);
		return open_socket(SOCK_STREAM);
	}
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	snprintf(to.sun_path, sizeof to.sun_path, "%s", place);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
		fail(place);
	return fd;
}

/* The next question of a channel, about a client that holds a grant or, in turn, one that does not. */
static int next_question(struct channel *c, char *at, int64_t when)
{
	static uint64_t asked, stride;
	if (!stride)
		stride = choose_stride(opt.set);
	uint64_t n = asked++;
	int granted = n % 2 == 0 && !opt.none;
	struct in_addr address = {htonl((granted ? opt.base : NOBODY) + (uint32_t)(n / 2 * stride % opt.set))};
	char client[INET_ADDRSTRLEN];
	inet_ntop(AF_INET, &address, client, sizeof client);
	unsigned slot = (c->first + c->outstanding++) % MAX_WINDOW;
	c->asked[slot].sent = when;
	c->asked[slot].answer = granted ? c->kind->yes : c->kind->no;
	c->kind->tally.sent++;
	return c->kind->encode(at, client);
}

/* Fills the channel's window with one write. */
static void ask(struct channel *c)
{
	static char out[MAX_WINDOW * MAX_QUESTION];
	size_t length = 0;
	int64_t when = now();
	while (c->outstanding < (unsigned)opt.window)
		length += (size_t)next_question(c, out + length, when);
	for (size_t done = 0; done < length;) {
		ssize_t n = send(c->fd, out + done, length - done, MSG_NOSIGNAL);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			fail("send");
		done += n > 0 ? (size_t)n : 0;
	}
}

/* Takes what has come; the number of answers that are complete. */
static unsigned take(struct channel *c)
{
	struct tally *t = &c->kind->tally;
	unsigned before = c->outstanding;
	ssize_t n = recv(c->fd, c->in + c->in_len, sizeof c->in - c->in_len, MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		fail("connection closed by the server");
	c->in_len += n > 0 ? (size_t)n : 0;
	size_t at = 0;
	int64_t when = now();
	while (c->outstanding > 0) {
		const char *answer = c->asked[c->first].answer;
		size_t length = strlen(answer), there = c->in_len - at;
		if (memcmp(c->in + at, answer, there < length ? there : length) != 0) {
			wrong_reply(t, (uint8_t *)c->in + at, there, c->kind->name);
			errno = 0;
			fail("lost the boundary of answers");
		}
		if (there < length)
			break;
		t->replies++;
		if (measuring) {
			t->measured++;
			record(t, when - c->asked[c->first].sent);
		}
		c->first = (c->first + 1) % MAX_WINDOW;
		c->outstanding--;
		at += length;
	}
	memmove(c->in, c->in + at, c->in_len - at);
	c->in_len -= at;
	return before - c->outstanding;
}

static void drive(void)
{
	int count = kind_count * opt.sockets, epoll = epoll_create1(0);
	channels = calloc((size_t)count, sizeof *channels);
	for (int i = 0; i < count; i++) {
		struct kind *kind = kinds[i % kind_count];
		struct epoll_event e = {.events = EPOLLIN, .data.ptr = &channels[i]};
		channels[i].fd = connect_to(kind->place);
		channels[i].kind = kind;
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, channels[i].fd, &e) < 0)
			fail("epoll");
	}
	int64_t began_wall = now_on(CLOCK_REALTIME), when = now();
	int64_t from = when + (int64_t)(opt.warm * 1e9), until = from + (int64_t)(opt.seconds * 1e9);
	for (int i = 0; i < count; i++)
		ask(&channels[i]);
	for (int busy = count; busy > 0;) {
		struct epoll_event events[MAX_KINDS * MAX_SOCKETS];
		int n = epoll_wait(epoll, events, count, SILENCE_LIMIT_MS);
		if (n == 0 || (n < 0 && errno != EINTR)) {
			errno = n ? errno : ETIMEDOUT;
			fail("no answer");
		}
		when = now();
		measuring = when >= from && when < until;
		for (int i = 0; i < n; i++) {
			struct channel *c = events[i].data.ptr;
			if (take(c) > 0 && when < until)
				ask(c);
			else if (c->outstanding == 0)
				busy--;
		}
	}
	for (int i = 0; i < kind_count; i++)
		print_result(&kinds[i]->tally, began_wall, now_on(CLOCK_REALTIME), opt.seconds);
}

/* Takes KIND=PLACE; 0 when the word is something else. */
static int take_kind(const char *word)
{
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		size_t length = strlen(known[i].name);
		if (strncmp(word, known[i].name, length) != 0 || word[length] != '=' || known[i].place)
			continue;
		known[i].place = word + length + 1;
		kinds[kind_count++] = &known[i];
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 1; i < argc; i++)
		if (!take_kind(argv[i]))
			set_option(argv[i]);
	if (kind_count == 0 || opt.sockets < 1 || opt.sockets > MAX_SOCKETS || opt.window < 1 || opt.window > MAX_WINDOW ||
	    opt.set < 1 || opt.seconds <= 0) {
		fprintf(stderr, "usage: ask seconds=S set=N base=N [name=value ...] socketmap|policy=PLACE ...\n");
		return 64;
	}
	drive();
	return 0;
}
