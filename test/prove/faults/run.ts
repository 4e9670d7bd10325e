/**
 * What came of a run.
 */
import type { Ended } from '../child.js';
import type { Heard } from './heard.js';

export interface Run {
  /** The calls that the fault struck: sums of CALLS and ORIGINS. */
  readonly struck: readonly number[];
  readonly ended: Ended;
  readonly heard: Heard;
  /** How long a call hung, where one did; ms. */
  readonly hangMs: number;
  /** An answer that took longer is late; ms. */
  readonly answerMs: number;
}
