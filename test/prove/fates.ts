/**
 * The judge of damaged.ts: what may come of a damaged file, and what may not.
 */
import { isData, type Reach } from '../support/reach.js';
import type { Fate } from '../support/victims.js';

/** What must not come of any file, as it is told. */
export const FAULTS = {
  crashes: 'the process ended',
  hangs: 'the process hung',
  undetectedPayloadDamage: 'messages answered that were never pushed',
  silentLosses: 'messages lost without a word',
  overclaimed: 'more told as damaged than stood on the page',
  unexplained: 'refused without a reason',
  tookNoMore: 'opened, but then took no pushes',
  refusedData: 'refused, though only messages of one block were damaged',
  othersHarmed: 'the sound queue beside it harmed',
} as const;
export type Fault = keyof typeof FAULTS;

/** What may come of one, as it is told. */
export const WAYS = {
  refused: 'refused with a reason',
  gaps: 'opened, with a gap that says damaged',
  unharmed: 'opened, and nothing was lost',
} as const;
export type Way = keyof typeof WAYS;

const noCounts = <K extends string>(of: Readonly<Record<K, string>>): Record<K, number> =>
  Object.fromEntries(Object.keys(of).map((key) => [key, 0])) as Record<K, number>;

export const noFaults = (): Record<Fault, number> => noCounts(FAULTS);
export const noWays = (): Record<Way, number> => noCounts(WAYS);

/** The ids that the file kept before it was damaged: `[oldest, next)`. */
export interface Kept {
  readonly oldest: number;
  readonly next: number;
}

/** Codes of a file that is not opened. */
const REFUSED = /^(not_a_rot_file|queue_unreadable)$/;

/** What is wrong with what came of a file. @param reach of the page that was damaged */
export function faultsOf(fate: Fate, { oldest, next }: Kept, reach: Reach): Fault[] {
  if ('killed' in fate) return [fate.killed === 'hang' ? 'hangs' : 'crashes'];
  const faults: Fault[] = fate.others ? [] : ['othersHarmed'];
  if (fate.refused !== '') {
    if (!REFUSED.test(fate.refused)) faults.push('unexplained');
    if (isData(reach)) faults.push('refusedData');
    return faults;
  }
  const isSame = fate.oldest === oldest && fate.next === next && fate.read + fate.damaged === next - oldest;
  if (!isSame || !fate.whole) faults.push('silentLosses');
  if (fate.wrong > 0) faults.push('undetectedPayloadDamage');
  if (fate.damaged > reach.messages) faults.push('overclaimed');
  if (fate.pushes !== '') faults.push('tookNoMore');
  return faults;
}

/** What came of a file that has no fault. */
export function wayOf(fate: Exclude<Fate, { readonly killed: string }>): Way {
  if (fate.refused !== '') return 'refused';
  return fate.damaged > 0 ? 'gaps' : 'unharmed';
}
