/**
 * The contract, asked in the process itself.
 */
import t from 'tap';
import { startInProcess } from '../support/wire.js';
import { suites } from './suites.js';

/** An injected WebSocket leaves timers behind that would keep the process for minutes after the last test. */
const LEFT_MS = 500;

// A busy machine takes its time.
t.setTimeout(600_000);
t.teardown(() => setTimeout(() => process.exit(), LEFT_MS).unref());
for (const [name, suite] of Object.entries(suites)) t.test(name, async (t) => suite(t, startInProcess));
