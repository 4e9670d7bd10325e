/**
 * A disk on which names are never synced.
 */
export * from '../../../src/queue/disk.js';

export const syncDirectory = async (): Promise<void> => undefined;
