/**
 * Metrics that count nothing: what the others are compared with.
 */
import { Metrics as Counting } from '../../../src/server/metrics.js';

export * from '../../../src/server/metrics.js';

export class Metrics extends Counting {
  override readonly committed = (): void => undefined;
  override delivered(): void {}
  override gapTold(): void {}
  override refused(): void {}
  override dropped(): void {}
}
