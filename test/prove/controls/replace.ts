/**
 * Loaded before a child (`--import`): gives it other modules in the place of some that it imports, for the negative controls.
 */
import { register } from 'node:module';
import { fileURLToPath } from 'node:url';

/** Which module, by the end of its address, and the file in `controls` that comes in its place; that one gets the original. */
export interface Replacement {
  readonly module: string;
  readonly by: string;
}

/** A probe that sees nothing. */
export const PROBE: Replacement = { module: '/src/queue/probe.js', by: './probe.js' };

/** Reads that are wrong in one way each, and what the judge must say of it. */
export const MISREADINGS: Readonly<Record<'altered' | 'doubled' | 'swapped' | 'dropped', RegExp>> = {
  altered: /: id \d+ is altered$/,
  doubled: /: id \d+ is doubled, or out of order$/,
  swapped: /: id \d+ is doubled, or out of order$/,
  dropped: /: id \d+ is followed by \d+$/,
};

const VARIABLE = 'PROVE_REPLACE';

/** How a child is started so that it gets the other modules, which find `options` in PROVE_OPTIONS. */
export const replaced = (replacements: readonly Replacement[], options: Readonly<Record<string, unknown>> = {}) => ({
  imports: [fileURLToPath(import.meta.url)],
  env: { [VARIABLE]: JSON.stringify(replacements), PROVE_OPTIONS: JSON.stringify(options) },
});

/** How a child is started so that it reads wrong. */
export const misreading = (way: string) =>
  replaced([{ module: '/src/queue/read.js', by: './misread.js' }], { misread: way });

const asked = process.env[VARIABLE];
if (asked !== undefined) {
  const replacements = JSON.parse(asked) as Replacement[];
  const data = replacements.map(({ module, by }) => ({ module, by: new URL(by, import.meta.url).href }));
  register('./hook.js', import.meta.url, { data });
}
