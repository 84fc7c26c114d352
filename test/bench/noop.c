/*
 * noop - a DRAC server that does nothing: ADD answers success
 *
 * What libtirpc itself costs: the measure for servers that do something.
 */
#include "server.h"

void prepare(const char *directory) { (void)directory; }

addstat *dracproc_add_1_svc(drac_add_parm *argument, struct svc_req *request)
{
	static addstat success = ADD_SUCCESS;
	(void)argument, (void)request;
	return &success;
}

addstat *dracproc_add_6_2_svc(drac_add_parm_6 *argument, struct svc_req *request)
{
	static addstat success = ADD_SUCCESS;
	(void)argument, (void)request;
	return &success;
}
