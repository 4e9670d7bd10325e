/**
 * Blocks of which none is found behind a damaged one: all messages up to the end are told as damaged.
 */
import { BlockStore } from '../../../src/queue/block-store.js';

export * from '../../../src/queue/block-store.js';

BlockStore.prototype.nextAfter = () => undefined;
