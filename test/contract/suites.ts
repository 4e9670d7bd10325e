/**
 * Every suite of the contract that runs over any transport.
 */
import { create } from './create.js';
import { producers } from './producers.js';
import { pushes } from './push.js';
import type { Suite } from './words.js';

export const suites: Readonly<Record<string, Suite>> = { create, push: pushes, producers };
