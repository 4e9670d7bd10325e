/**
 * What a crash may do to a queue: nothing to what was acknowledged, and to the rest only all or nothing.
 */

/** Messages by the id that their push was told. */
export type Acknowledged = ReadonlyMap<number, string>;

/**
 * Everything that is wrong with what a queue kept, given what was acknowledged. Messages read `WRITER SEQ`, and each writer
 * sends its next one only when the last has been answered.
 */
export function violations(acknowledged: Acknowledged, kept: readonly string[]): string[] {
  const found: string[] = [];
  for (const [id, message] of acknowledged) {
    if (kept[id] !== message) found.push(`acknowledged as ${id}: "${message}", kept: "${kept[id]}"`);
  }
  const last = new Map<string, number>();
  for (const [id, message] of kept.entries()) {
    const [writer = '', seq = ''] = message.split(' ');
    if (!(Number(seq) > (last.get(writer) ?? -1))) found.push(`doubled or out of order at ${id}: "${message}"`);
    last.set(writer, Number(seq));
  }
  return found;
}
