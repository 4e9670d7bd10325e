/**
 * Descriptors that systemd opened for us: listening sockets, and files of `OpenFile=`.
 * @see sd_listen_fds(3)
 */

/** The first one; 0 to 2 are the standard streams. */
const FIRST = 3;

/** What was passed: see the unit in `systemd/`. */
export interface Descriptors {
  /** Listening sockets, in the order of the socket unit. */
  readonly sockets: readonly number[];
  /** Connected to systemd's notification socket. */
  readonly notify?: number;
}

/** Reads what systemd says it has passed to the process `pid`; nothing when it spoke to another process. */
export function inheritedDescriptors(env: Readonly<Record<string, string | undefined>>, pid: number): Descriptors {
  const count = Number(env['LISTEN_FDS']);
  if (env['LISTEN_PID'] !== String(pid) || !Number.isInteger(count)) return { sockets: [] };
  const names = (env['LISTEN_FDNAMES'] ?? '').split(':');
  const all = Array.from({ length: count }, (_, i) => ({ fd: FIRST + i, name: names[i] }));
  const notify = all.find(({ name }) => name === 'notify')?.fd;
  const sockets = all.filter(({ fd }) => fd !== notify).map(({ fd }) => fd);
  return { sockets, ...(notify === undefined ? {} : { notify }) };
}
