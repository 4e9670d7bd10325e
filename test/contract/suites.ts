/**
 * Every suite of the contract that runs over any transport.
 */
import { create } from './create.js';
import { cursors } from './cursors.js';
import { message } from './message.js';
import { producers } from './producers.js';
import { pushes } from './push.js';
import { reads } from './read.js';
import { stats } from './stat.js';
import type { Suite } from './words.js';

export const suites: Readonly<Record<string, Suite>> = {
  create,
  push: pushes,
  producers,
  read: reads,
  message,
  cursors,
  stat: stats,
};
