/**
 * clock - the only place that asks what time it is and sets timers
 *
 * Everything else is handed a Clock, so that a test can hold time still. A timer that comes
 * again never keeps the process alive (what does is its open doors); one that comes once does, because
 * something waits for it.
 */

/** A timer that can be stopped; stopping twice is harmless. */
export interface Timer {
  stop(): void;
}

/** Time as the daemon sees it. All values are milliseconds. */
export interface Clock {
  /** Wall clock, epoch milliseconds. May jump. */
  wall(): number;
  /** Monotonic milliseconds with a fraction, from an arbitrary start. Never jumps. */
  mono(): number;
  /** Runs fn once, after the input that is ready now has been read. */
  soon(fn: () => void): void;
  /** Runs fn once after ms milliseconds. */
  after(ms: number, fn: () => void): Timer;
  /** Runs fn every ms milliseconds. */
  every(ms: number, fn: () => void): Timer;
}

export const systemClock: Clock = {
  wall: () => Date.now(),
  mono: () => performance.now(),
  soon: (fn) => {
    setImmediate(fn);
  },
  after: (ms, fn) => {
    const timer = setTimeout(fn, ms);
    return {
      stop: () => {
        clearTimeout(timer);
      },
    };
  },
  every: (ms, fn) => {
    const timer = setInterval(fn, ms);
    timer.unref();
    return {
      stop: () => {
        clearInterval(timer);
      },
    };
  },
};
