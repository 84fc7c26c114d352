/**
 * notify-socket - a notification socket as systemd has one; what arrives there, message by message
 *
 * It can keep copies of files as they are when READY=1 arrives, before anybody else hears of it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { childEnvironment, newDirectory, until } from './processes.js';

const PROGRAM = `import os, shutil, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("bound")
copied = False
while True:
    message = s.recv(4096).decode().replace("\\n", " ")
    if "READY=1" in message.split(" ") and not copied:
        for file in sys.argv[2:]: shutil.copy(file, os.path.join(os.path.dirname(sys.argv[1]), os.path.basename(file)))
        copied = True
    print(message)`;

export class NotifySocket {
  readonly path: string;
  readonly messages: string[] = [];
  readonly #child: ChildProcess;

  private constructor(files: readonly string[]) {
    this.path = path.join(newDirectory('notify'), 'socket');
    this.#child = spawn('python3', ['-uc', PROGRAM, this.path, ...files], {
      env: childEnvironment(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#child.stdout
      ?.setEncoding('utf8')
      .on('data', (text: string) => this.messages.push(...text.trim().split('\n')));
  }

  /** Opens one that will copy these files, whose names differ. */
  static async open(...files: readonly string[]): Promise<NotifySocket> {
    const socket = new NotifySocket(files);
    await until('the notification socket is bound', 5_000, () => socket.messages.includes('bound'));
    return socket;
  }

  /** Where the copy of a file is, after READY=1. */
  copyOf(file: string): string {
    return path.join(path.dirname(this.path), path.basename(file));
  }

  /** Waits for READY=1. */
  async ready(): Promise<void> {
    await until('READY=1', 10_000, () => this.messages.some((message) => /(^| )READY=1/.test(message)));
  }

  close(): void {
    this.#child.kill('SIGKILL');
  }
}
