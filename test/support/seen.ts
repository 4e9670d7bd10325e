/**
 * The error codes that a suite has seen at the wire.
 */
export const seen = new Set<string>();

/** Takes note of the code of a problem document, a frame or anything else that came. */
export function note(text: string): void {
  for (const [, code] of text.matchAll(/"code":"([a-z_]+)"/g)) seen.add(code as string);
}
