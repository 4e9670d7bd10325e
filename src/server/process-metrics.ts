/**
 * Metrics of the process: processor, memory, file handles, the event loop. There is one process, so there is one of these.
 */
import { collectDefaultMetrics, Registry } from 'prom-client';

/** Those that do not follow Prometheus' rules for names, or take long with ten thousand connections. */
const LEFT_OUT = [
  'nodejs_active_handles',
  'nodejs_active_handles_total',
  'nodejs_active_requests',
  'nodejs_active_requests_total',
  'nodejs_active_resources',
  'nodejs_active_resources_total',
];

let registry: Registry | undefined;

/** Collected from the first call on. */
export function processMetrics(): Registry {
  if (registry === undefined) {
    registry = new Registry();
    collectDefaultMetrics({ register: registry });
    for (const name of LEFT_OUT) registry.removeSingleMetric(name);
  }
  return registry;
}
