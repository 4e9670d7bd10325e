/**
 * Waiting for the first of several things. Not with `AbortSignal.any`, which loses a timeout to the garbage collector
 * (https://github.com/nodejs/node/issues/57736).
 */

export interface First {
  readonly signal: AbortSignal;
  /** To be called when nobody waits any more: takes its listeners away. */
  readonly done: () => void;
}

/** Aborts when one of `signals` does, or after so many ms. */
export function firstOf(signals: readonly AbortSignal[], ms?: number): First {
  const first = new AbortController();
  const abort = (): void => first.abort();
  const timer = ms === undefined ? undefined : setTimeout(abort, ms);
  for (const signal of signals) {
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  }
  const done = (): void => {
    clearTimeout(timer);
    for (const signal of signals) signal.removeEventListener('abort', abort);
  };
  return { signal: first.signal, done };
}
