/**
 * Has damaged files opened, and says how that went.
 */
import { type DamagedResult, damaged, type WrongFile } from '../damaged.js';
import { job, say } from './say.js';

/** Work for the damager. */
export interface Damaging {
  readonly files: number;
  readonly seed: number;
}

/** What it says of a file that went wrong, and at the end. */
export type Damage =
  | { readonly is: 'wrong'; readonly file: WrongFile }
  | { readonly is: 'done'; readonly result: DamagedResult };

const heard = (damage: Damage): void => say({ ...damage });

const result = await damaged({ ...job<Damaging>(), report: (file) => heard({ is: 'wrong', file }) });
heard({ is: 'done', result });
