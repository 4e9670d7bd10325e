#!/usr/bin/env node
/**
 * The program `rotera-server` as it is installed. libuv reads the size of its thread pool when the pool is first used, which loading an
 * ES module does: so it is set here, in CommonJS, before. Each queue that is being synced holds a thread; with as many slow
 * disks as threads, nothing else would go on.
 */
import v8 = require('node:v8');

process.env['UV_THREADPOOL_SIZE'] ??= '64';
// Bytes that come and go outside of the heap count as its growth: beside a small heap they would have V8 mark all of it thirty
// times a second. It may double in between. The young generation is collected when a quarter of it is used, not all: that
// stays in the processor's cache, and what bodies took is free for the next ones while it is still warm.
v8.setFlagsFromString('--heap-growing-percent=100');
v8.setFlagsFromString('--minor-gc-task-trigger=25');
void import('../rotera-server.js');
