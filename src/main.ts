/**
 * The server's composition root: configuration, queues, application, listen, signals. One of the two places that know of
 * process, environment and signals.
 */
import { spawn } from 'node:child_process';
import type { Server as TlsServer } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import { type Config, optionNames } from './config/config.js';
import { compareQueues, ensureQueues } from './config/declared-queues.js';
import type { Environment } from './config/read-config.js';
import { isRoteraError, type RoteraError } from './errors.js';
import { Queues, type QueuesOptions } from './queue/queues.js';
import { Access } from './server/access.js';
import { type App, buildApp } from './server/app.js';
import { listen } from './server/listen.js';
import { Metrics } from './server/metrics.js';
import { steady } from './server/output.js';
import { readable } from './server/readable-log.js';
import { readSecurity } from './server/security.js';
import { inheritedDescriptors } from './systemd/descriptors.js';
import { ServiceManager } from './systemd/notify.js';

/** How long a stop may take before the process ends anyway. */
const STOP_MS = 10_000;
/** Exit code after a failed write: EX_SOFTWARE of sysexits.h. */
const FAILED_WRITE = 70;
/** After a failed write, what waits has so long to be answered; and leaving has so long before it is forced. */
const ANSWER_MS = 500;
const KILL_SECONDS = 5;
/** Options that a reload puts into effect. The files of tokens and certificates are read again, too. */
const RELOADED: readonly (keyof Config)[] = ['queues', 'logLevel'];

export interface ServeContext {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  readonly env: Environment;
  /** Of the program, for the metrics. */
  readonly version: string;
  /** Whether standard output is for a program. */
  readonly json?: boolean;
}

/** A server that runs. */
interface Server {
  readonly config: Config;
  readonly queues: Queues;
  readonly access: Access;
  readonly app: App;
  readonly manager: ServiceManager;
}

/**
 * Serves until SIGINT or SIGTERM. Resolves when everything is closed. A second signal ends the process at once. SIGHUP reads
 * the configuration again: queues that are new in it are made, what needs a restart is said.
 * @param load reads the configuration, at start and at every reload
 * @throws `directory_unusable`, `in_use`, `bad_config`, `unreachable` (the address is not this machine's), `disk_full`,
 * `commit_timeout`, `overloaded` when nothing is left to open a declared queue with
 */
export async function serve(load: () => Config, context: ServeContext): Promise<void> {
  const { stdout, env, version } = context;
  const config = load();
  const { sockets, notify } = inheritedDescriptors(env, process.pid);
  const { tokens, ...network } = readSecurity(config);
  const access = new Access(tokens);
  const logs = logStream(context);
  const metrics = new Metrics(version);
  let ready = false;
  let onChange: QueuesOptions['onChange'];
  const queues = Queues.take(config.dir, {
    now: Date.now,
    onCommit: metrics.committed,
    onFailure: (error) => endAfterFailure(error, logs),
    onChange: (change) => onChange?.(change),
  });
  const logger = { level: config.logLevel, stream: logs };
  const { allowedHosts, corsOrigins, maxPushBytes, maxConnections, maxTails, maxTailsPerToken } = config;
  const limits = { maxPushBytes, maxConnections, maxTails, maxTailsPerToken };
  const options = { queues, access, metrics, logger, ...network, allowedHosts, corsOrigins, limits };
  const app = await buildApp({ ...options, isReady: () => ready });
  try {
    const manager = new ServiceManager(env, process.pid, notify, (error) =>
      app.log.warn({ err: error }, 'systemd cannot be told how the service stands'),
    );
    const server: Server = { config, queues, access, app, manager };
    let tellStarted: () => void = () => undefined;
    const started = new Promise<void>((resolve) => {
      tellStarted = resolve;
    });
    const stopping = takeSignals(server, load, started);
    const asked = new Promise<void>((resolve) => stopping.addEventListener('abort', () => resolve()));
    let listening: Promise<string> | undefined;
    // Between the steps a stop may have been asked for: then nothing more is opened, made or told.
    const start = async (): Promise<void> => {
      // Not while somebody waits already.
      await queues.syncNames();
      if (stopping.aborted) return;
      const open = (): Promise<string> => {
        listening ??= listen(app, { ...config, inherited: sockets });
        return listening;
      };
      // Those who ask before the queues are open are told that the server is starting. At a socket that was there before they wait, and
      // are not refused.
      if (sockets.length === 0) await open();
      if (stopping.aborted) return;
      await queues.rescan();
      if (stopping.aborted) return;
      await ensureQueues(queues, config.queues);
      if (stopping.aborted) return;
      ready = true;
      const address = await open();
      if (stopping.aborted) return;
      greet(steady(stdout), address, queues, context.json === true);
      // What was there at the start has just been told.
      onChange = logChanges(app);
      app.log.info({ address, version, queues: queues.all.length }, 'the server is ready');
      manager.ready(status(queues));
      tellStarted();
    };
    // Closing the queues, below, cuts a start short that is at many of them.
    await Promise.race([start().then(() => asked), asked]);
    // A port that opens only afterwards would not be closed any more.
    await listening?.catch(() => undefined);
    await app.stopAccepting();
    await app.close();
    app.log.info('the server has stopped');
  } finally {
    await app.close();
    await queues.close();
  }
}

/**
 * Whether `serve` would take this configuration, as far as the files that it names tell. Nothing is made, nothing is listened on.
 * @throws `bad_config`
 */
export async function checkConfig(config: Config): Promise<void> {
  readSecurity(config);
  await compareQueues(config.dir, config.queues);
}

/** Where log lines go: as JSON, or readable for a person at a terminal. */
function logStream({ stderr, env }: ServeContext): NodeJS.WritableStream {
  const isTerminal = 'isTTY' in stderr && stderr.isTTY === true;
  return isTerminal ? readable(stderr, !env['NO_COLOR']) : steady(stderr, lostLines);
}

const lostLines = (lost: number): string =>
  `${JSON.stringify({ level: 40, time: Date.now(), msg: 'log lines could not be written', lost })}\n`;

/** Logs what becomes of the files in the directory. */
function logChanges({ log }: App): QueuesOptions['onChange'] {
  return (change) => {
    if (change.type === 'directory unreadable') {
      log.error({ reason: change.reason }, 'the directory cannot be looked at: queues are served as they were');
      return;
    }
    const { queue } = change;
    if (change.type === 'opened') log.info({ queue }, 'a queue was opened');
    if (change.type === 'gone') log.info({ queue, end: change.end }, 'a queue is not there any more');
    if (change.type === 'unreadable') {
      const { code, message } = change.reason;
      log.warn({ queue, code, reason: message }, 'a rot file cannot be opened');
    }
  };
}

/** Takes the signals from now on. Aborts when one has come that asks for a stop. @param started a reload waits for it */
function takeSignals(server: Server, load: () => Config, started: Promise<void>): AbortSignal {
  const asked = new AbortController();
  const stop = (): void => {
    if (asked.signal.aborted) process.exit(130);
    server.manager.stopping();
    setTimeout(() => process.exit(1), STOP_MS).unref();
    asked.abort();
  };
  // A slow one must not put back what a later one has replaced.
  const reloadInTurn = inTurn(async () => {
    await started;
    if (!asked.signal.aborted) await reload(server, load, asked.signal);
  });
  // A terminal that is closed takes its server along; anyone else who hangs up wants a reload.
  const hangUp = (): void => {
    if (process.stdout.isTTY) stop();
    else reloadInTurn();
  };
  process.on('SIGINT', stop).on('SIGTERM', stop).on('SIGHUP', hangUp);
  return asked.signal;
}

/** Does one after the other what it is called for; calls that come while one waits are answered by that one. */
function inTurn(work: () => Promise<void>): () => void {
  let last = Promise.resolve();
  let waits = false;
  return () => {
    if (waits) return;
    waits = true;
    last = last.then(() => {
      waits = false;
      return work();
    });
  };
}

/** Reads the configuration again. With a bad one the server goes on as it was, and says so. */
async function reload(
  { config, queues, access, app, manager }: Server,
  load: () => Config,
  stopping: AbortSignal,
): Promise<void> {
  manager.reloading();
  try {
    const next = load();
    const { tokens, tls } = readSecurity(config);
    await ensureQueues(queues, next.queues);
    access.replace(tokens);
    if (tls !== undefined) (app.server as unknown as TlsServer).setSecureContext(tls);
    app.log.level = next.logLevel;
    const changed = optionNames.filter((key) => !isDeepStrictEqual(next[key], config[key]));
    const waiting = changed.filter((key) => !RELOADED.includes(key));
    app.log.info('the configuration was read again');
    if (waiting.length > 0) app.log.warn({ options: waiting }, 'changed options that need a restart to take effect');
  } catch (error) {
    // Cut short by the stop.
    if (stopping.aborted) return;
    const reason = isRoteraError(error) ? { code: error.code, reason: error.message } : { err: error };
    app.log.error(reason, 'the configuration is not put into effect: the server goes on with the old one');
  }
  if (!stopping.aborted) manager.ready(status(queues));
}

/**
 * A write has failed: LMDB's state in this process can no longer be trusted. What waits is answered, then the process ends
 * with {@link FAILED_WRITE}, to be started again by its supervisor.
 */
function endAfterFailure(error: RoteraError, logs: NodeJS.WritableStream): void {
  logs.write(
    `${JSON.stringify({ level: 60, time: Date.now(), msg: 'a write failed; the server ends', code: error.code, reason: error.message })}\n`,
  );
  // Leaving runs LMDB's own clean-up, which can block for ever: then somebody else must end it.
  const killer = spawn('/bin/sh', ['-c', `sleep ${KILL_SECONDS}; kill -9 ${process.pid}`], {
    detached: true,
    stdio: 'ignore',
  });
  killer.on('error', () => undefined).unref();
  setTimeout(() => process.exit(FAILED_WRITE), ANSWER_MS);
}

function greet(out: NodeJS.WritableStream, address: string, queues: Queues, json: boolean): void {
  const names = queues.all.map(({ name }) => name);
  if (json) {
    const unreadable = queues.unreadable.map(({ queue, reason }) => ({ queue, code: reason.code }));
    out.write(`${JSON.stringify({ address, directory: queues.directory, queues: names, unreadable })}\n`);
    return;
  }
  out.write(`rotera listens on ${address}\n`);
  out.write(`  directory  ${queues.directory}\n`);
  out.write(`  queues     ${names.join(' ') || `none yet; make one: curl ${curlWords(address)}/queues/NAME`}\n`);
  for (const { queue, reason } of queues.unreadable) out.write(`  unreadable ${queue}: ${reason.message}\n`);
}

/** What curl needs to make a queue at an address, which is a URL or the path of a Unix socket. */
const curlWords = (address: string): string =>
  address.includes('://') ? `-X PUT ${address}` : `--unix-socket ${address} -X PUT http://localhost`;

/** One line for `systemctl status`. */
function status({ all, unreadable }: Queues): string {
  const names = unreadable.map(({ queue }) => queue).join(' ');
  return `Serving ${all.length} queues${names && `; unreadable: ${names}`}`;
}
