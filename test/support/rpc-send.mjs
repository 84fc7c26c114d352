/**
 * rpc-send - sends ready-made RPC messages and prints what comes back: runs inside a namespace or as another user
 *
 *   node rpc-send.mjs udp:HOST:PORT|unix:PATH WAIT_MS HEX...
 *
 * Each reply is a line of hexadecimal digits. Ends WAIT_MS after the last message.
 */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';

const [target = '', wait = '', ...messages] = process.argv.slice(2);
const bytes = messages.map((hex) => Buffer.from(hex, 'hex'));
const print = (reply) => process.stdout.write(`${reply.toString('hex')}\n`);
const end = () => setTimeout(() => process.exit(0), Number(wait));

if (target.startsWith('udp:')) {
  const [, host, port] = /^udp:(.*):(\d+)$/.exec(target) ?? [];
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  socket.on('message', print);
  for (const message of bytes) socket.send(message, Number(port), host);
  end();
} else {
  const socket = connect(target.slice('unix:'.length), () => {
    for (const message of bytes) {
      const mark = Buffer.alloc(4);
      mark.writeUInt32BE(0x8000_0000 + message.length);
      socket.write(Buffer.concat([mark, message]));
    }
    end();
  });
  // One reply a mark; what is asked here is small, so a chunk holds whole records.
  socket.on('data', (chunk) => {
    for (let at = 0; at + 4 <= chunk.length;) {
      const length = chunk.readUInt32BE(at) & 0x7fff_ffff;
      print(chunk.subarray(at + 4, at + 4 + length));
      at += 4 + length;
    }
  });
}
