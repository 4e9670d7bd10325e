/**
 * Tells systemd how the service stands, as the units `Type=notify` and `Type=notify-reload` expect.
 * @see sd_notify(3)
 */
import { execFile } from 'node:child_process';
import { writeSync } from 'node:fs';

type Environment = Readonly<Record<string, string | undefined>>;

/** How long a helper program may take to deliver a message. */
const DELIVERY_MS = 10_000;

/** Sends assignments such as `READY=1`. */
type Send = (assignments: readonly string[]) => void;

export class ServiceManager {
  readonly #send: Send;
  readonly #watchdogMs: number | undefined;
  #watchdog: NodeJS.Timeout | undefined;

  /**
   * @param descriptor connected to systemd's socket, from `OpenFile=` (systemd 253 and later). Without it messages go through
   * the program systemd-notify, since Node has no datagram Unix sockets; and nowhere when systemd does not want them.
   * @param onError told when a message cannot be delivered
   */
  constructor(env: Environment, pid: number, descriptor: number | undefined, onError: (error: Error) => void) {
    this.#send = chooseSend(env, descriptor, onError);
    this.#watchdogMs = watchdogMs(env, pid);
  }

  /** The service is up, or has finished a reload. From the first call on the watchdog is fed, from the event loop. */
  ready(status: string): void {
    this.#send(['READY=1', `STATUS=${status}`]);
    if (this.#watchdogMs === undefined || this.#watchdog !== undefined) return;
    // Twice as often as systemd wants it, as it advises.
    this.#watchdog = setInterval(() => this.#send(['WATCHDOG=1']), this.#watchdogMs / 2).unref();
  }

  reloading(): void {
    this.#send(['RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`]);
  }

  /** The service stops. The watchdog is fed until the process ends. */
  stopping(): void {
    this.#send(['STOPPING=1']);
  }
}

/** How often systemd wants to hear from the process `pid`, in ms; undefined when it does not. */
function watchdogMs({ WATCHDOG_USEC, WATCHDOG_PID }: Environment, pid: number): number | undefined {
  const ms = Number(WATCHDOG_USEC) / 1000;
  const isOurs = WATCHDOG_PID === undefined || WATCHDOG_PID === String(pid);
  return isOurs && ms > 0 ? ms : undefined;
}

function chooseSend(env: Environment, descriptor: number | undefined, onError: (error: Error) => void): Send {
  if (descriptor !== undefined) {
    return (assignments) => {
      try {
        writeSync(descriptor, `${assignments.join('\n')}\n`);
      } catch (error) {
        onError(error as Error);
      }
    };
  }
  if (!env['NOTIFY_SOCKET']) return () => {};
  // One after the other: the order of the messages matters.
  let last = Promise.resolve();
  return (assignments) => {
    last = last.then(() => runNotify(assignments)).catch(onError);
  };
}

function runNotify(assignments: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile('systemd-notify', assignments, { timeout: DELIVERY_MS }, (error) => (error ? reject(error) : resolve()));
  });
}
