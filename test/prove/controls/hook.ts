/**
 * The resolve hook of replace.ts.
 */
import type { InitializeHook, ResolveHook } from 'node:module';
import type { Replacement } from './replace.js';

let replacement: Replacement = { module: '', by: '' };

export const initialize: InitializeHook<Replacement> = (data) => {
  replacement = data;
};

export const resolve: ResolveHook = async (specifier, context, next) => {
  const resolved = await next(specifier, context);
  const { module, by } = replacement;
  return resolved.url.endsWith(module) && context.parentURL !== by ? { ...resolved, url: by } : resolved;
};
