/**
 * What the engine uses of lmdb, but opening files with the options of PROVE_OPTIONS over those asked for.
 */
import * as lmdb from 'lmdb';

const options = JSON.parse(process.env['PROVE_OPTIONS'] ?? '{}') as object;

export const open = (asked: lmdb.RootDatabaseOptionsWithPath): lmdb.RootDatabase => lmdb.open({ ...asked, ...options });
