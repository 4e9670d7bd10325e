/**
 * A deadline for something outside that does not count the time in which this process stood still, suspended or busy: what was
 * done meanwhile has not been heard of yet.
 */

const TICKS = 30;

export interface Deadline {
  /** Resolves when the time is over. */
  readonly over: Promise<void>;
  /** Gives it up: `over` stays pending. To be called always, else it keeps the process alive. */
  readonly clear: () => void;
}

/** A deadline in `ms`; however long the process stands still, that counts as a thirtieth of it. */
export function deadlineIn(ms: number): Deadline {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    let ticks = 0;
    // Ticks that were missed are not made up for.
    timer = setInterval(() => {
      if (++ticks === TICKS) resolve();
    }, ms / TICKS);
  });
  return { over, clear: () => clearInterval(timer) };
}
