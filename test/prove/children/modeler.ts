/**
 * Compares a queue with its model, with many sequences of random operations.
 */
import { checkModel } from '../../queue/model.js';
import { job, say } from './say.js';

/** Work for the modeler. */
export interface Modelling {
  readonly seed: number;
  readonly runs: number;
}

const { seed, runs } = job<Modelling>();
try {
  await checkModel(runs, seed);
  say({ is: 'ran', runs });
} catch (error) {
  say({ is: 'differs', how: error instanceof Error ? error.message : String(error) });
}
