/**
 * What is printed of a proof.
 */
import type { Outcome } from './proof.js';
import type { Words } from './words.js';

/** Kinds of violations printed; the rest is counted. */
const SHOWN = 20;

/** Rows under each other: the first column to the left, the others to the right. */
function columns(rows: ReadonlyArray<ReadonlyArray<string | number>>): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => String(row[i] ?? '').length)));
  const cell = (value: string | number, i: number): string =>
    i === 0 ? String(value).padEnd(widths[0] ?? 0) : String(value).padStart(widths[i] ?? 0);
  return rows.map((row) => `${row.map(cell).join('  ').trimEnd()}\n`).join('');
}

/** One of each kind of violation, with how many there are of it: they often differ in numbers only. */
function kindsOf(violations: readonly string[]): string[] {
  const kinds = new Map<string, { example: string; count: number }>();
  for (const example of violations) {
    const kind = example.replace(/\b[0-9a-f]{8,}\b|\d+/g, 'N');
    kinds.set(kind, { example: kinds.get(kind)?.example ?? example, count: (kinds.get(kind)?.count ?? 0) + 1 });
  }
  return [...kinds.values()].map(({ example, count }) => `${example}${count > 1 ? ` (and ${count - 1} like it)` : ''}`);
}

/** Prints how a proof went. @returns whether it succeeded */
export function report({ name, rounds, seed, bounded }: Words, outcome: Outcome, seconds: number): boolean {
  const { violations, controls } = outcome;
  const done = outcome.rounds < rounds ? `${outcome.rounds} of ${rounds} (time was up)` : String(outcome.rounds);
  const kinds = kindsOf(violations);
  for (const violation of kinds.slice(0, SHOWN)) console.log(`VIOLATION ${violation}`);
  if (kinds.length > SHOWN) console.log(`VIOLATION and ${kinds.length - SHOWN} other kinds`);
  console.log(columns([['rounds', done], ...outcome.facts, ['seconds', Math.round(seconds)]]));
  if (outcome.table !== undefined) console.log(columns(outcome.table));
  for (const { name, caught } of controls) console.log(`control ${name}: ${caught ?? 'NOT CAUGHT'}`);
  const good = violations.length === 0 && controls.every(({ caught }) => caught !== undefined);
  console.log(`${name} seed ${seed}: ${good ? 'no violation' : 'FAILED'}, ${violations.length} violations`);
  return good && outcome.rounds > 0 && (bounded || outcome.rounds === rounds);
}
