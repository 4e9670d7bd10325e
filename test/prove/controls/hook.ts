/**
 * The resolve hook of replace.ts.
 */
import type { InitializeHook, ResolveHook } from 'node:module';
import type { Replacement } from './replace.js';

let replacements: readonly Replacement[] = [];

export const initialize: InitializeHook<readonly Replacement[]> = (data) => {
  replacements = data;
};

export const resolve: ResolveHook = async (specifier, context, next) => {
  const resolved = await next(specifier, context);
  const other = replacements.find(({ module, by }) => resolved.url.endsWith(module) && context.parentURL !== by);
  return other === undefined ? resolved : { ...resolved, url: other.by };
};
