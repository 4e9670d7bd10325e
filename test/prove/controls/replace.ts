/**
 * Loaded before a child (`--import`): gives it another module in the place of one that it imports, for the negative controls.
 */
import { register } from 'node:module';
import { fileURLToPath } from 'node:url';

/** Which module, by the end of its address, and the file in `controls` that comes in its place; that one gets the original. */
export interface Replacement {
  readonly module: string;
  readonly by: string;
}

const VARIABLE = 'PROVE_REPLACE';

/** How a child is started so that it gets the other module, which finds `options` in PROVE_OPTIONS. */
export const replaced = (replacement: Replacement, options: Readonly<Record<string, unknown>> = {}) => ({
  imports: [fileURLToPath(import.meta.url)],
  env: { [VARIABLE]: JSON.stringify(replacement), PROVE_OPTIONS: JSON.stringify(options) },
});

const asked = process.env[VARIABLE];
if (asked !== undefined) {
  const { module, by } = JSON.parse(asked) as Replacement;
  register('./hook.js', import.meta.url, { data: { module, by: new URL(by, import.meta.url).href } });
}
