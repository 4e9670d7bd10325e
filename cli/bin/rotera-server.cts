#!/usr/bin/env node
/**
 * The program `rotera-server` as it is installed. libuv reads the size of its thread pool when the pool is first used, which loading an
 * ES module does: so it is set here, in CommonJS, before. Each queue that is being synced holds a thread; with as many slow
 * disks as threads, nothing else would go on.
 */
process.env['UV_THREADPOOL_SIZE'] ??= '64';
void import('../rotera-server.js');
