/**
 * Loaded before a child (`--import`): makes its lmdb open files with options that the engine forbids, for the negative
 * controls. The options are JSON in PROVE_LMDB_OPTIONS.
 */
import { register } from 'node:module';

/** The environment that asks for these options. */
export const lmdbOptions = (options: Readonly<Record<string, unknown>>): Record<string, string> => ({
  PROVE_LMDB_OPTIONS: JSON.stringify(options),
});

if (process.env['PROVE_LMDB_OPTIONS'] !== undefined) register('./lmdb-hook.js', import.meta.url);
