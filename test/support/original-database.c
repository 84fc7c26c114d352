/*
 * original-database.c - changes a Berkeley DB file in place, as the original rpc.dracd does
 *
 *   original-database FILE btree|hash [cidr] [term]
 *
 * Reads commands, one a line: `put ADDRESS SECOND` enters a client, `sweep SECOND` removes what has ended
 * before, as its timer does; `wait` prints a line and waits with the file open until it is killed; after `bulk` there
 * is one sync, at the end. The words are the original's build options: REQ_HASH, CIDR_KEY, TERM_KD. Pages
 * of 512 bytes, a lock around each change, a sync after it.
 */
#include <sys/file.h>

#include <db.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static DB *db;
static int cidr, term, bulk;

static void check(const char *what, int error)
{
    if (error == 0)
        return;
    fprintf(stderr, "%s: %s\n", what, db_strerror(error));
    exit(1);
}

static DBT text(char *bytes)
{
    DBT item = {.data = bytes, .size = (u_int32_t)strlen(bytes) + (term ? 1 : 0)};

    return item;
}

static void put(const char *address, char *second)
{
    char name[160];
    DBT key, data;

    snprintf(name, sizeof name, "%s%s", address, !cidr ? "" : strchr(address, ':') ? "/128" : "/32");
    key = text(name);
    data = text(second);
    check("put", db->put(db, NULL, &key, &data, 0));
}

static void sweep(long now)
{
    DBC *cursor;
    DBT key = {0}, data = {0};
    char second[32];
    int error;

    check("cursor", db->cursor(db, NULL, &cursor, 0));
    while ((error = cursor->get(cursor, &key, &data, DB_NEXT)) == 0) {
        size_t length = data.size < sizeof second ? data.size : sizeof second - 1;

        memcpy(second, data.data, length);
        second[length] = 0;
        if (atol(second) < now)
            check("del", cursor->del(cursor, 0));
    }
    if (error != DB_NOTFOUND)
        check("get", error);
    check("close", cursor->close(cursor));
}

static void wait_for_the_end(void)
{
    puts("waiting");
    fflush(stdout);
    for (;;)
        pause();
}

int main(int argc, char **argv)
{
    char line[256], address[128], second[32];
    long now;
    int fd;

    if (argc < 3)
        return 64;
    for (int i = 3; i < argc; i++) {
        cidr |= strcmp(argv[i], "cidr") == 0;
        term |= strcmp(argv[i], "term") == 0;
    }
    check("create", db_create(&db, NULL, 0));
    check("pagesize", db->set_pagesize(db, 512));
    check(argv[1], db->open(db, NULL, argv[1], NULL, strcmp(argv[2], "hash") == 0 ? DB_HASH : DB_BTREE, DB_CREATE, 0644));
    check("fd", db->fd(db, &fd));
    while (fgets(line, sizeof line, stdin) != NULL) {
        bulk |= strcmp(line, "bulk\n") == 0;
        if (strcmp(line, "wait\n") == 0)
            wait_for_the_end();
        flock(fd, LOCK_EX);
        if (sscanf(line, "put %127s %31s", address, second) == 2)
            put(address, second);
        else if (sscanf(line, "sweep %ld", &now) == 1)
            sweep(now);
        check("sync", bulk ? 0 : db->sync(db, 0));
        flock(fd, LOCK_UN);
    }
    check("close", db->close(db, 0));
    return 0;
}
