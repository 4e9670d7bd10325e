/**
 * The server's composition root: configuration, queues, application, listen, signals. One of the two places that know of
 * process, environment and signals.
 */
import { isDeepStrictEqual } from 'node:util';
import type { FastifyInstance } from 'fastify';
import { type Config, optionNames } from './config.js';
import { ensureQueues } from './declared-queues.js';
import { isRoteraError } from './errors.js';
import { Queues } from './queue/queues.js';
import type { Environment } from './read-config.js';
import { buildApp } from './server/app.js';
import { listen } from './server/listen.js';
import { inheritedDescriptors } from './systemd/descriptors.js';
import { ServiceManager } from './systemd/notify.js';

/** How long a stop may take before the process ends anyway. */
const STOP_MS = 10_000;
/** Options that a reload puts into effect. */
const RELOADED: readonly (keyof Config)[] = ['queues', 'logLevel'];

export interface ServeContext {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  readonly env: Environment;
}

/** A server that runs. */
interface Server {
  readonly config: Config;
  readonly queues: Queues;
  readonly app: FastifyInstance;
  readonly manager: ServiceManager;
}

/**
 * Serves until SIGINT or SIGTERM. Resolves when everything is closed. A second signal ends the process at once. SIGHUP reads
 * the configuration again: queues that are new in it are made, what needs a restart is said.
 * @param load reads the configuration, at start and at every reload
 * @throws `directory_unusable`, `in_use`, `bad_config`, `unreachable` (the address is not this machine's), `disk_full`
 */
export async function serve(load: () => Config, { stdout, stderr, env }: ServeContext): Promise<void> {
  const config = load();
  const { sockets, notify } = inheritedDescriptors(env, process.pid);
  const queues = Queues.open(config.dir, { now: Date.now });
  try {
    await ensureQueues(queues, config.queues);
    const app = await buildApp({ queues, logger: { level: config.logLevel, stream: stderr } });
    const manager = new ServiceManager(env, process.pid, notify, (error) =>
      app.log.warn({ err: error }, 'systemd cannot be told how the service stands'),
    );
    const server: Server = { config, queues, app, manager };
    const stopped = untilSignal(server, load);
    const address = await listen(app, { ...config, inherited: sockets });
    greet(stdout, address, queues);
    manager.ready(status(queues));
    await stopped;
  } finally {
    await queues.close();
  }
}

/** Resolves when a signal has come and the application is closed. */
function untilSignal(server: Server, load: () => Config): Promise<void> {
  return new Promise((resolve, reject) => {
    let stopping = false;
    const stop = (): void => {
      if (stopping) process.exit(130);
      stopping = true;
      server.manager.stopping();
      setTimeout(() => process.exit(1), STOP_MS).unref();
      server.app.close().then(resolve, reject);
    };
    // A terminal that is closed takes its server along; anyone else who hangs up wants a reload.
    const hangUp = (): void => {
      if (process.stdout.isTTY) stop();
      else if (!stopping) void reload(server, load);
    };
    process.on('SIGINT', stop).on('SIGTERM', stop).on('SIGHUP', hangUp);
  });
}

/** Reads the configuration again. With a bad one the server goes on as it was, and says so. */
async function reload({ config, queues, app, manager }: Server, load: () => Config): Promise<void> {
  manager.reloading();
  try {
    const next = load();
    await ensureQueues(queues, next.queues);
    app.log.level = next.logLevel;
    const changed = optionNames.filter((key) => !isDeepStrictEqual(next[key], config[key]));
    const waiting = changed.filter((key) => !RELOADED.includes(key));
    app.log.info('the configuration was read again');
    if (waiting.length > 0) app.log.warn({ options: waiting }, 'changed options that need a restart to take effect');
  } catch (error) {
    const reason = isRoteraError(error) ? { code: error.code, reason: error.message } : { err: error };
    app.log.error(reason, 'the configuration is not put into effect: the server goes on with the old one');
  }
  manager.ready(status(queues));
}

function greet(out: NodeJS.WritableStream, address: string, queues: Queues): void {
  const names = queues.all.map(({ name }) => name);
  out.write(`rotera listens on ${address}\n`);
  out.write(`  directory  ${queues.directory}\n`);
  out.write(`  queues     ${names.join(' ') || `none yet; make one: curl -X PUT ${address}/queues/NAME`}\n`);
  for (const { queue, reason } of queues.unreadable) out.write(`  unreadable ${queue}: ${reason.message}\n`);
}

/** One line for `systemctl status`. */
function status({ all, unreadable }: Queues): string {
  const names = unreadable.map(({ queue }) => queue).join(' ');
  return `Serving ${all.length} queues${names && `; unreadable: ${names}`}`;
}
