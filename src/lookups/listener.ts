/**
 * listener - the doors of a look-up and the connections that come through them
 *
 * Every kind of look-up is one of these with a reader of its own questions and an answer to each.
 *
 * Limits: MAX_CONNECTIONS through all doors together, shared out evenly, so that who fills one door shuts nobody
 * out of another; a connection beyond a door's share is closed at once. What connections hold
 * because their peers do not read, or send faster than they are answered, is HELD_BYTES in all, and what has
 * been sent ahead is worked off in STEPS_A_TURN steps each turn of the event loop, one a connection. What one
 * connection may do is in connection.ts; the times it names are looked after here, every LOOK_EVERY_MS, and so
 * are the doors, whose sockets somebody may take away (runtime/kept-door.ts). At the stop the last answers have DRAIN_MS to leave.
 *
 * Errors: Fault LISTEN.
 */
import type { Socket } from 'node:net';
import { Fault } from '../core/fault.js';
import type { Timer } from '../runtime/clock.js';
import { KeptDoor } from '../runtime/kept-door.js';
import { Connection, type QuestionReader } from './connection.js';
import type { Lookup, LookupOptions } from './lookup.js';

export const MAX_CONNECTIONS = 1_024;
export const HELD_BYTES = 8 * 1024 * 1024;
export const STEPS_A_TURN = 16;
const LOOK_EVERY_MS = 500;
const DRAIN_MS = 200;

/** What makes a kind of look-up. */
export interface Service<Question> {
  /** Its name in the configuration and in counters. */
  readonly kind: string;
  /** A reader for a new connection. */
  reader(): QuestionReader<Question>;
  /** The answer, ready to be sent. Throws Malformed for a question that makes no sense. */
  answer(question: Question): Uint8Array;
}

export type ListenerOptions = Pick<LookupOptions, 'listen' | 'mode' | 'group' | 'counters' | 'clock' | 'log'>;

export class Listener<Question> implements Lookup {
  readonly #service: Service<Question>;
  readonly #options: ListenerOptions;
  readonly #open: KeptDoor[] = [];
  readonly #connections = new Set<Connection<Question>>();
  #held = 0;
  /** Steps of connections that wait for their turn. */
  #steps: (() => void)[] = [];
  #timer: Timer | undefined;
  #stopping: Promise<void> | undefined;
  #emptied: () => void = () => undefined;

  constructor(service: Service<Question>, options: ListenerOptions) {
    this.#service = service;
    this.#options = options;
  }

  get doors(): string[] {
    return this.#open.map(({ text }) => text);
  }

  /** How many connections are held. */
  get size(): number {
    return this.#connections.size;
  }

  async start(): Promise<void> {
    const { clock, listen, log, mode, group } = this.#options;
    this.#timer = clock.every(LOOK_EVERY_MS, this.#look);
    const onSocket = (socket: Socket): void => {
      this.#accept(socket);
    };
    const onDrop = (): void => {
      this.#count('refused');
    };
    const onError = (): void => {
      this.#count('accept-errors');
    };
    const maxConnections = Math.floor(MAX_CONNECTIONS / listen.length);
    const fault = (message: string, cause: unknown): Fault => new Fault('LISTEN', message, cause);
    // Half-open: who has asked and closed its side still gets its answer.
    const naming = { who: 'look-up', key: '[[lookups]] listen', fault, halfOpen: true };
    const shared = { ...naming, mode, group, maxConnections, onSocket, onDrop, onError, log };
    try {
      for (const place of listen) {
        this.#open.push(await KeptDoor.open({ place, ...shared }));
        if (this.#stopping !== undefined)
          throw new Fault('LISTEN', 'stopped while the doors were being opened');
      }
    } catch (thrown) {
      // A stop that came meanwhile has not seen the last of them.
      await this.#closeDoors();
      await this.stop();
      throw thrown;
    }
    log.info('look-up: listening', { kind: this.#service.kind, doors: this.doors });
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    const closed = this.#closeDoors();
    for (const connection of this.#connections) connection.finish();
    if (this.#connections.size > 0) {
      await new Promise<void>((resolve) => {
        const timer = this.#options.clock.after(DRAIN_MS, resolve);
        this.#emptied = () => {
          timer.stop();
          resolve();
        };
      });
    }
    for (const connection of this.#connections) connection.destroy();
    this.#timer?.stop();
    await closed;
  }

  async #closeDoors(): Promise<void> {
    await Promise.all(this.#open.splice(0).map((door) => door.close()));
  }

  #count(what: string): void {
    this.#options.counters.add(`lookup.${this.#service.kind}.${what}`);
  }

  #accept(socket: Socket): void {
    this.#count('connections');
    const { clock } = this.#options;
    const connection = new Connection(socket, {
      reader: this.#service.reader(),
      answer: this.#answer,
      hold: this.#hold,
      later: this.#later,
      onEnd: (why) => {
        this.#count(why);
      },
      onError: () => {
        this.#count('errors');
      },
      clock,
    });
    this.#connections.add(connection);
    socket.once('close', () => {
      this.#connections.delete(connection);
      if (this.#connections.size === 0) this.#emptied();
    });
  }

  readonly #answer = (question: Question): Uint8Array => this.#service.answer(question);

  readonly #hold = (bytes: number): boolean => {
    this.#held += bytes;
    return this.#held <= HELD_BYTES;
  };

  readonly #later = (step: () => void): void => {
    this.#steps.push(step);
    if (this.#steps.length === 1) this.#options.clock.soon(this.#takeTurn);
  };

  readonly #takeTurn = (): void => {
    const turn = this.#steps.slice(0, STEPS_A_TURN);
    this.#steps = this.#steps.slice(STEPS_A_TURN);
    const waiting = this.#steps.length > 0;
    for (const step of turn) step();
    // The first of the steps that these have left, if none had waited, has asked for a turn itself.
    if (waiting) this.#options.clock.soon(this.#takeTurn);
  };

  readonly #look = (): void => {
    const now = this.#options.clock.mono();
    for (const connection of this.#connections) connection.look(now);
    for (const door of this.#open) door.look();
  };
}
