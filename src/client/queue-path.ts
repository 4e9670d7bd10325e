import { RoteraError } from '../errors.js';
import { nameParameter } from '../protocol/api.js';

/**
 * The path of a queue at its server. Checked here, since an address swallows some of what is no name: of `/queues/..` it makes
 * `/`.
 * @throws `bad_name`
 */
export function queuePath(queue: string): string {
  if (nameParameter.check(queue) !== undefined) return `/queues/${queue}`;
  const { accepted } = nameParameter;
  const text = `${JSON.stringify(queue)} is no queue name; accepted: ${accepted}.`;
  throw new RoteraError('bad_name', text, { value: queue, accepted });
}
