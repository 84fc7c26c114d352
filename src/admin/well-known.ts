/** well-known - names that client and server have in common */

/** The service's full name. */
export const SERVICE = 'dracd.admin.v1.Admin';
/** The metadata in which a client says who calls. */
export const AUTHOR_KEY = 'x-dracd-author';
/** The trailer with a serialised google.rpc.Status. */
export const DETAILS = 'grpc-status-details-bin';
/** What stands before the names of its details. */
export const TYPE_PREFIX = 'type.googleapis.com/google.rpc.';
