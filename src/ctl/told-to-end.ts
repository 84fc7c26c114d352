/** told-to-end - ^C and a polite kill, for commands that go on until then */

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Calls back at the first of them; answers how to stop listening. A second one ends the process as usual. */
export function whenToldToEnd(end: () => void): () => void {
  const stop = (): void => {
    for (const signal of SIGNALS) process.off(signal, take);
  };
  const take = (): void => {
    stop();
    end();
  };
  for (const signal of SIGNALS) process.on(signal, take);
  return stop;
}
