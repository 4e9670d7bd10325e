/**
 * Metrics that can be switched off.
 */
import { Metrics as Counting } from '../../../src/server/metrics.js';
import { watching } from './switch.js';

export * from '../../../src/server/metrics.js';

export class Metrics extends Counting {
  constructor(version?: string) {
    super(version);
    const { committed } = this;
    const switched: Counting['committed'] = (queue, report) => {
      if (watching.on) committed(queue, report);
    };
    Object.assign(this, { committed: switched });
  }
}
