/**
 * The server's composition root: configuration, queues, application, listen, signals. One of the two places that know of
 * process, environment and signals.
 */

import type { Config } from './config.js';
import { messageOf, RoteraError } from './errors.js';
import { Queues } from './queue/queues.js';
import { buildApp } from './server/app.js';

/** How long a stop may take before the process ends anyway. */
const STOP_MS = 10_000;

/**
 * Serves until SIGINT or SIGTERM. Resolves when everything is closed. A second signal ends the process at once.
 * @throws `directory_unusable`, `bad_config` (the address cannot be used)
 */
export async function serve(config: Config, out: NodeJS.WritableStream, err: NodeJS.WritableStream): Promise<void> {
  const queues = await Queues.open(config.dir, { now: Date.now });
  const app = await buildApp({ queues, logger: { level: config.logLevel, stream: err } });
  const stopped = new Promise<void>((resolve, reject) => {
    let stopping = false;
    const stop = (): void => {
      if (stopping) process.exit(130);
      stopping = true;
      setTimeout(() => process.exit(1), STOP_MS).unref();
      app
        .close()
        .then(() => queues.close())
        .then(resolve, reject);
    };
    process.on('SIGINT', stop).on('SIGTERM', stop);
  });
  let address: string;
  try {
    address = await app.listen({ host: config.host, port: config.port });
  } catch (error) {
    await queues.close();
    throw explainListen(error, config);
  }
  const names = queues.all.map(({ name }) => name);
  out.write(`rotera listens on ${address}\n`);
  out.write(`  directory  ${queues.directory}\n`);
  out.write(`  queues     ${names.join(' ') || `none yet; make one: curl -X PUT ${address}/queues/NAME`}\n`);
  for (const { queue, reason } of queues.unreadable) out.write(`  unreadable ${queue}: ${reason.message}\n`);
  await stopped;
}

function explainListen(cause: unknown, { host, port }: Config): unknown {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'EADDRINUSE') {
    const text = `Port ${port} on ${host} is in use already. Stop what listens there, or choose another with --port.`;
    return new RoteraError('bad_config', text, {}, { cause });
  }
  if (code === undefined) return cause;
  return new RoteraError('bad_config', `Cannot listen on ${host}:${port}: ${messageOf(cause)}.`, {}, { cause });
}
