/**
 * A program: writes once to the rot file named on its command line, and exits with 0 when that succeeded (failed-mark.ts).
 */
import { argv } from 'node:process';
import { newBlockCache } from './block-store.js';
import { RotFile } from './rot-file.js';

const file = await RotFile.open(argv[2] as string, { blocks: newBlockCache() });
await file.settle();
await file.close();
