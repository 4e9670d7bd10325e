import t from 'tap';
import { backoffMs, withRetry } from '../../src/client/retry.js';
import { type ErrorCode, RoteraError } from '../../src/errors.js';
import { SwiftClock } from '../support/clients.js';

/** Fails so often, then succeeds. */
function failing(times: number, code: ErrorCode, details: object = {}): () => Promise<string> {
  let left = times;
  return async () => {
    if (left-- > 0) throw new RoteraError(code, 'not now', { ...details });
    return 'done';
  };
}

t.test('waits twice as long each time, up to five seconds, with half of it left to chance', async (t) => {
  const clock = new SwiftClock();
  await withRetry(failing(8, 'unreachable'), { retryMs: () => 60_000 }, clock);
  t.strictSame(clock.waits, [75, 150, 300, 600, 1200, 2400, 3750, 3750]);
  const bounds = [0, 0.999_999].map((random) => backoffMs(3, { ...clock, random: () => random }));
  t.ok(bounds[0] === 200 && (bounds[1] as number) < 400, 'between half and the whole');
});

t.test("never comes back before the server's own Retry-After", async (t) => {
  const clock = new SwiftClock();
  await withRetry(failing(2, 'overloaded', { retryAfter: 2 }), { retryMs: () => 60_000 }, clock);
  t.strictSame(clock.waits, [2000, 2000]);
});

t.test('gives up with the last error when the time is over', async (t) => {
  const clock = new SwiftClock();
  await t.rejects(withRetry(failing(99, 'draining'), { retryMs: () => 1000 }, clock), { code: 'draining' });
  t.strictSame(clock.waits, [75, 150, 300]);
});

t.test('does not repeat what would not help', async (t) => {
  for (const code of ['queue_not_found', 'bad_parameter', 'disk_full', 'not_rotera', 'message_too_large'] as const) {
    const clock = new SwiftClock();
    await t.rejects(withRetry(failing(1, code), { retryMs: () => 60_000 }, clock), { code });
    t.strictSame(clock.waits, [], code);
  }
});

t.test('tells of each repeat, and ends when it is aborted', async (t) => {
  const ending = new AbortController();
  const told: string[] = [];
  const onRetry = (error: RoteraError): void => {
    told.push(error.code);
    if (told.length === 2) ending.abort(new Error('enough'));
  };
  const retry = { retryMs: () => Number.POSITIVE_INFINITY, signal: ending.signal, onRetry };
  await t.rejects(withRetry(failing(99, 'unreachable'), retry, new SwiftClock()), { message: 'enough' });
  t.strictSame(told, ['unreachable', 'unreachable']);
});
