/**
 * Trying again: which errors are worth it, how long to wait, when to give up.
 */
import { type ErrorCode, isRoteraError, type RoteraError, retryableCodes } from '../errors.js';

/** Time and chance, so that tests need neither. */
export interface Clock {
  /** ms, only ever forwards: a clock that is set must not end a patience, or make it endless. */
  readonly now: () => number;
  /** Resolves after so many ms. @throws the reason of `signal` as soon as that is aborted */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** In `[0, 1)`. */
  readonly random: () => number;
}

interface RetryOptions {
  /** How long after the first attempt another may begin, in ms; asked after each failure. */
  readonly retryMs: () => number;
  readonly signal?: AbortSignal | undefined;
  /** Called before each wait. */
  readonly onRetry?: ((error: RoteraError, delayMs: number) => void) | undefined;
}

const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 5000;
/** Longer timers than this, 25 days, fire at once. */
export const MOST_TIMER_MS = 2 ** 31 - 1;
/** Retryable, but people want to know at once: room does not come back by itself. */
const TOLD_AT_ONCE: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['disk_full']);

/** Whether the client repeats a request by itself after this error. */
export const isTransient = (error: unknown): error is RoteraError =>
  isRoteraError(error) && retryableCodes.has(error.code) && !TOLD_AT_ONCE.has(error.code);

/**
 * How long to wait before attempt `attempt` (1 is the second), in ms: twice as long each time, up to 5 s, and a random half
 * of that so that clients do not come back all at once. Never less than the server's own `Retry-After`.
 */
export function backoffMs(attempt: number, clock: Clock, retryAfterSeconds = 0): number {
  const most = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (attempt - 1));
  return Math.max(retryAfterSeconds * 1000, most / 2 + (clock.random() * most) / 2);
}

/** Runs `attempt` until it succeeds. @throws its error when that is not transient, or when the next try would be too late */
export async function withRetry<T>(
  attempt: (tries: number) => Promise<T>,
  { retryMs, signal, onRetry }: RetryOptions,
  clock: Clock,
): Promise<T> {
  const started = clock.now();
  for (let tries = 0; ; tries++) {
    try {
      return await attempt(tries);
    } catch (error) {
      if (!isTransient(error)) throw error;
      const delay = backoffMs(tries + 1, clock, retryAfter(error));
      if (clock.now() + delay > started + retryMs()) throw error;
      onRetry?.(error, delay);
      await clock.sleep(delay, signal);
    }
  }
}

const retryAfter = ({ details }: RoteraError): number =>
  typeof details['retryAfter'] === 'number' ? details['retryAfter'] : 0;

export const systemClock: Clock = {
  now: () => performance.now(),
  random: Math.random,
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      const aborted = (): void => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      if (signal?.aborted === true) {
        reject(signal.reason);
        return;
      }
      const timer = setTimeout(
        () => {
          signal?.removeEventListener('abort', aborted);
          resolve();
        },
        Math.min(ms, MOST_TIMER_MS),
      );
      signal?.addEventListener('abort', aborted, { once: true });
    }),
};
