/**
 * Metrics of the process: processor, memory, file handles, the event loop. There is one process, so there is one of these.
 */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';

const OPEN_FDS = 'process_open_fds';
/** Where Linux lists them; elsewhere there is no such metric. */
const FDS = '/proc/self/fd';

/** Those that do not follow Prometheus' rules for names, or take long with ten thousand connections. */
const LEFT_OUT = [
  'nodejs_active_handles',
  'nodejs_active_handles_total',
  'nodejs_active_requests',
  'nodejs_active_requests_total',
  'nodejs_active_resources',
  'nodejs_active_resources_total',
  // With a thousand queues it would keep everyone waiting for milliseconds: see below.
  OPEN_FDS,
];

let registry: Registry | undefined;

/** Collected from the first call on. */
export function processMetrics(): Registry {
  if (registry === undefined) {
    registry = new Registry();
    collectDefaultMetrics({ register: registry });
    for (const name of LEFT_OUT) registry.removeSingleMetric(name);
    if (existsSync(FDS)) countHandles(registry);
  }
  return registry;
}

function countHandles(registry: Registry): void {
  new Gauge({
    name: OPEN_FDS,
    help: 'Number of open file descriptors.',
    registers: [registry],
    async collect() {
      // One of them is the listing itself.
      this.set((await readdir(FDS)).length - 1);
    },
  });
}
