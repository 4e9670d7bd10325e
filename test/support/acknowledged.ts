/**
 * What a crash may do to a queue: nothing to what was acknowledged, and to the rest only all or nothing.
 */

/** The id that each push was told, and its message: a list, where an id that two were told is there twice. */
export type Acknowledged = Iterable<readonly [id: number, message: string]>;

/**
 * Everything that is wrong with what a queue kept, given what was acknowledged. Messages read `WRITER SEQ`, and each writer
 * sends its next one only when the last has been answered.
 */
export function violations(acknowledged: Acknowledged, kept: readonly string[]): string[] {
  const found: string[] = [];
  const told = new Set<number>();
  for (const [id, message] of acknowledged) {
    if (told.has(id)) found.push(`acknowledged twice: ${id}`);
    told.add(id);
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
