/**
 * pipe - a TCP connection that begins at a chosen address, perhaps inside of a namespace
 *
 *   node pipe.mjs SOURCE HOST PORT
 *
 * Standard input and output are its two ways. Ends when the other side does; 1 when there is no connection.
 */
import { connect } from 'node:net';

const [localAddress, host, port] = process.argv.slice(2);
const socket = connect({ localAddress, host, port: Number(port) });
socket.on('error', (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
socket.on('close', () => process.exit(0));
process.stdin.pipe(socket);
socket.pipe(process.stdout);
