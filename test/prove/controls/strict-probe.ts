/**
 * A probe that refuses files in which nothing but data is damaged: where lmdb keeps the length of a value in front of it.
 */
import * as shipped from '../../../src/queue/probe.js';

export const probe: typeof shipped.probe = (path, options) => shipped.probe(path, { ...options, thorough: true });
