/**
 * bare - a Node server that knows nothing: `node bare.mjs DIRECTORY`
 *
 * Answers what ask.c asks through DIRECTORY/relay.socketmap and DIRECTORY/relay.policy, and tells those who hold no grant
 * by the 10 that their addresses begin with. Shows what Node and the kernel alone need for an answer: dracd cannot be
 * faster, and is worth what it is beside this. Understands one whole question at a time. Prints a line when it listens.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';
import path from 'node:path';

const [directory = '.'] = process.argv.slice(2);
const KINDS = [
  { name: 'socketmap', nobody: 'relay 10.', yes: '5:OK OK,', no: '9:NOTFOUND ,' },
  { name: 'policy', nobody: 'client_address=10.', yes: 'action=OK\n\n', no: 'action=DUNNO\n\n' },
];

for (const { name, nobody, yes, no } of KINDS) {
  const [hit, miss] = [Buffer.from(yes), Buffer.from(no)];
  const server = createServer((socket) => {
    socket.on('data', (question) => socket.write(question.includes(nobody) ? miss : hit));
    // The asker resets what is left over when its time is up.
    socket.on('error', () => socket.destroy());
  });
  await once(server.listen(path.join(directory, `relay.${name}`)), 'listening');
}
process.stdout.write('listening\n');
