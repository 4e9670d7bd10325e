/**
 * A deadline of so many ms, whatever is asked for; none at all without.
 */
import * as deadline from '../../../src/queue/deadline.js';

export * from '../../../src/queue/deadline.js';

const { ms } = JSON.parse(process.env['PROVE_OPTIONS'] ?? '{}') as { ms?: number };

export const deadlineIn: typeof deadline.deadlineIn = () =>
  ms === undefined ? { over: new Promise(() => undefined), clear: () => undefined } : deadline.deadlineIn(ms);
