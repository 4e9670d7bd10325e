import { readFileSync } from 'node:fs';

/** The package's own version, wherever it runs from: as TypeScript, or built in `dist`. */
export function packageVersion(): string {
  for (const path of ['../package.json', '../../package.json']) {
    try {
      return JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')).version as string;
    } catch {
      // Not here: the other place.
    }
  }
  return 'unknown';
}
