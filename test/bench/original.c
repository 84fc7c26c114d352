/*
 * original - a stand-in for the original rpc.dracd: one page written and one fdatasync for each ADD
 *
 * The original puts the entry into a Berkeley DB btree of 512-byte pages and syncs it before it replies, one
 * call at a time. This server writes one page of a file of 8 MiB, chosen by the address, and calls fdatasync.
 * It does no Berkeley DB work and keeps nothing that could be looked up, so it is somewhat faster than the
 * original; the file is written whole beforehand, so that no fdatasync pays for its growth.
 */
#include "server.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 512, PAGES = 16384 };

static int file;

void prepare(const char *directory)
{
	char path[4096], page[PAGE] = {0};
	snprintf(path, sizeof path, "%s/original.db", directory);
	file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	for (int i = 0; file >= 0 && i < PAGES; i++)
		if (write(file, page, PAGE) != PAGE)
			file = -1;
	if (file < 0 || fsync(file) < 0) {
		perror(path);
		exit(1);
	}
}

static addstat *add(const void *address, size_t length, unsigned key)
{
	static addstat stat;
	char page[PAGE] = {0};
	long expires = (long)time(NULL) + 1800;
	memcpy(page, address, length);
	memcpy(page + 16, &expires, sizeof expires);
	off_t at = (off_t)(key * 2654435761u % PAGES) * PAGE;
	stat = pwrite(file, page, PAGE, at) == PAGE && fdatasync(file) == 0 ? ADD_SUCCESS : ADD_SYSERR;
	return &stat;
}

addstat *dracproc_add_1_svc(drac_add_parm *argument, struct svc_req *request)
{
	(void)request;
	return add(&argument->ip_addr, sizeof argument->ip_addr, argument->ip_addr);
}

addstat *dracproc_add_6_2_svc(drac_add_parm_6 *argument, struct svc_req *request)
{
	unsigned key = 0;
	(void)request;
	for (int i = 0; i < 16; i++)
		key = key * 31 + (unsigned char)argument->ip_addr[i];
	return add(argument->ip_addr, sizeof argument->ip_addr, key);
}
