/*
 * client.c - a DRAC client as C programs are: rpcgen's stubs of proto/drac.x and the machine's libtirpc
 *
 *   dracc HOST VERSION udp|tcp ADDRESS [PORT]
 *
 * Prints the addstat as a number; with ADDRESS "null" it calls procedure 0 and prints "null".
 * Without PORT it asks the rpcbind of HOST, as libdrac does; with PORT it does not.
 * In the environment, DRACC_SOURCE: the own address it speaks from (needs PORT); DRACC_LIMIT: how many seconds it
 * waits for the answer, else 5.
 * Exit status: 0 answered, 1 no answer or a refusal by RPC (the text on standard error), 64 usage.
 */
#include <arpa/inet.h>
#include <netconfig.h>
#include <netdb.h>
#include <rpc/rpc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drac.h"

static int usage(void)
{
    fprintf(stderr, "usage: dracc HOST VERSION udp|tcp ADDRESS [PORT]\n");
    return 64;
}

/* A descriptor bound to DRACC_SOURCE, or RPC_ANYFD. */
static int bound_socket(int type)
{
    struct addrinfo hints = {.ai_socktype = type, .ai_flags = AI_NUMERICHOST | AI_PASSIVE}, *found;
    const char *source = getenv("DRACC_SOURCE");
    int fd;

    if (source == NULL)
        return RPC_ANYFD;
    if (getaddrinfo(source, "0", &hints, &found) != 0)
        return RPC_ANYFD;
    fd = socket(found->ai_family, found->ai_socktype, 0);
    if (fd < 0 || bind(fd, found->ai_addr, found->ai_addrlen) != 0) {
        perror("bind");
        exit(1);
    }
    freeaddrinfo(found);
    return fd;
}

/* A handle on HOST's PORT that asks no rpcbind. */
static CLIENT *client_on_port(const char *host, rpcvers_t version, const char *transport, const char *port)
{
    int type = strcmp(transport, "udp") == 0 ? SOCK_DGRAM : SOCK_STREAM;
    struct addrinfo hints = {.ai_socktype = type, .ai_flags = AI_NUMERICHOST}, *found;
    struct netconfig *configuration;
    struct netbuf address;
    char netid[8];

    if (getaddrinfo(host, port, &hints, &found) != 0)
        return NULL;
    snprintf(netid, sizeof netid, "%s%s", transport, found->ai_family == AF_INET6 ? "6" : "");
    configuration = getnetconfigent(netid);
    if (configuration == NULL)
        return NULL;
    address.buf = found->ai_addr;
    address.len = address.maxlen = found->ai_addrlen;
    return clnt_tli_create(bound_socket(type), configuration, &address, DRACPROG, version, 0, 0);
}

static addstat *add(CLIENT *client, rpcvers_t version, const char *text)
{
    if (version == DRACVERS) {
        static drac_add_parm argument;
        struct in_addr address;

        if (inet_pton(AF_INET, text, &address) != 1)
            exit(usage());
        argument.ip_addr = ntohl(address.s_addr);
        return dracproc_add_1(&argument, client);
    }
    static drac_add_parm_6 argument;

    if (inet_pton(AF_INET6, text, argument.ip_addr) != 1)
        exit(usage());
    return dracproc_add_6_2(&argument, client);
}

int main(int argc, char **argv)
{
    struct timeval limit = {5, 0}, again = {1, 0};
    const char *seconds = getenv("DRACC_LIMIT");
    rpcvers_t version;
    CLIENT *client;
    addstat *status;

    if (argc < 5 || argc > 6 || (strcmp(argv[3], "udp") != 0 && strcmp(argv[3], "tcp") != 0))
        return usage();
    if (seconds != NULL)
        limit.tv_sec = strtol(seconds, NULL, 10);
    version = strtoul(argv[2], NULL, 10);
    client = argc == 6 ? client_on_port(argv[1], version, argv[3], argv[5])
                       : clnt_create(argv[1], DRACPROG, version, argv[3]);
    if (client == NULL) {
        clnt_pcreateerror(argv[1]);
        return 1;
    }
    clnt_control(client, CLSET_TIMEOUT, (char *)&limit);
    clnt_control(client, CLSET_RETRY_TIMEOUT, (char *)&again);
    if (strcmp(argv[4], "null") == 0) {
        if (clnt_call(client, NULLPROC, (xdrproc_t)xdr_void, NULL, (xdrproc_t)xdr_void, NULL, limit) != RPC_SUCCESS) {
            clnt_perror(client, argv[1]);
            return 1;
        }
        puts("null");
    } else {
        status = add(client, version, argv[4]);
        if (status == NULL) {
            clnt_perror(client, argv[1]);
            return 1;
        }
        printf("%d\n", (int)*status);
    }
    clnt_destroy(client);
    return 0;
}
