/**
 * Loaded before a server: whether it is watched, switched by its parent while it runs. So that the same process, with the same
 * memory and the same compiled code, is compared with itself: two processes differ by more than what is measured.
 */

/** What the parent may set. */
export interface Watching {
  /** Whether pushes are counted and traced. */
  readonly on: boolean;
  /** How many ms a span costs more, for the negative control. */
  readonly spanMs: number;
}

export let watching: Watching = { on: true, spanMs: 0 };

/** What is put off until later is done before the next switch: else it would be counted as another's. */
export const atSwitch = new Set<() => void>();

process.on('message', (wanted: Watching) => {
  for (const finish of atSwitch) finish();
  watching = wanted;
  process.send?.('done');
});
// It does not keep the server alive.
process.channel?.unref();
