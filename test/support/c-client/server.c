/*
 * server.c - a DRAC server as rpcgen makes it, with the hole of the original: a positive control
 *
 *   naive-dracd PORT
 *
 * Speaks UDP on 127.0.0.1:PORT, believes 127.0.0.1 and nobody else, and prints each address it grants.
 * libtirpc decodes the argument from a buffer that still holds the datagrams before; when a call is
 * shorter than its argument, the rest is read from there. An attack that works here and not on dracd
 * shows that the attack is real.
 */
#include <arpa/inet.h>
#include <rpc/rpc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drac.h"

void dracprog_1(struct svc_req *, SVCXPRT *);

static addstat verdict(struct svc_req *request)
{
    struct sockaddr_in *caller = svc_getrpccaller(request->rq_xprt)->buf;

    return caller->sin_family == AF_INET && caller->sin_addr.s_addr == htonl(INADDR_LOOPBACK) ? ADD_SUCCESS : ADD_PERM;
}

addstat *dracproc_add_1_svc(drac_add_parm *argument, struct svc_req *request)
{
    static addstat result;
    struct in_addr address = {.s_addr = htonl(argument->ip_addr)};

    result = verdict(request);
    if (result == ADD_SUCCESS)
        printf("%s\n", inet_ntoa(address));
    return &result;
}

addstat *dracproc_add_6_2_svc(drac_add_parm_6 *argument, struct svc_req *request)
{
    static addstat result;

    (void)argument;
    result = verdict(request);
    return &result;
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    SVCXPRT *transport;

    if (argc != 2)
        return 64;
    setvbuf(stdout, NULL, _IOLBF, 0);
    address.sin_port = htons((unsigned short)atoi(argv[1]));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        perror("bind");
        return 1;
    }
    transport = svc_dg_create(fd, 8800, 8800);
    if (transport == NULL || !svc_reg(transport, DRACPROG, DRACVERS, dracprog_1, NULL)) {
        fprintf(stderr, "cannot serve\n");
        return 1;
    }
    puts("ready");
    svc_run();
    return 0;
}
