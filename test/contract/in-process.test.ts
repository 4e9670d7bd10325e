/**
 * The contract, asked in the process itself.
 */
import t from 'tap';
import { startInProcess } from '../support/wire.js';
import { suites } from './suites.js';

// A busy machine takes its time.
t.setTimeout(600_000);
for (const [name, suite] of Object.entries(suites)) t.test(name, async (t) => suite(t, startInProcess));
