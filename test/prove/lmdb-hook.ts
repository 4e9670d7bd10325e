/**
 * A resolve hook: whoever imports lmdb gets lmdb-unsafe.js, which itself gets lmdb.
 */
import type { ResolveHook } from 'node:module';

const unsafe = new URL('./lmdb-unsafe.js', import.meta.url).href;

export const resolve: ResolveHook = (specifier, context, next) =>
  specifier === 'lmdb' && context.parentURL !== unsafe ? { url: unsafe, shortCircuit: true } : next(specifier, context);
