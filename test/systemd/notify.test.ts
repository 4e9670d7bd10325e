import { chmodSync, closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { ServiceManager } from '../../src/systemd/notify.js';

const PID = 7;
const unexpected = (error: Error): never => {
  throw error;
};

/** A file in the place of the socket, and its lines. */
function descriptor(t: Test): { fd: number; lines: () => string[] } {
  const path = join(t.testdir(), 'notify');
  const fd = openSync(path, 'w');
  t.teardown(() => closeSync(fd));
  return { fd, lines: () => readFileSync(path, 'utf8').split('\n').slice(0, -1) };
}

t.test('ready, reload and stop are written to the descriptor', async (t) => {
  const { fd, lines } = descriptor(t);
  const manager = new ServiceManager({}, PID, fd, unexpected);
  manager.ready('Serving 2 queues');
  manager.reloading();
  manager.ready('Serving 3 queues');
  manager.stopping();
  const written = lines();
  t.match(written.splice(3, 1), [/^MONOTONIC_USEC=[1-9]\d*$/]);
  t.strictSame(written, [
    'READY=1',
    'STATUS=Serving 2 queues',
    'RELOADING=1',
    'READY=1',
    'STATUS=Serving 3 queues',
    'STOPPING=1',
  ]);
});

t.test('the watchdog is fed from the first ready on, twice as often as it wants', async (t) => {
  const { fd, lines } = descriptor(t);
  const timer = { unref: () => timer };
  const clock = t.capture(globalThis, 'setInterval', (feed: () => void) => {
    feed();
    return timer;
  });
  const manager = new ServiceManager({ WATCHDOG_USEC: '30000000', WATCHDOG_PID: String(PID) }, PID, fd, unexpected);
  t.strictSame(lines(), []);
  manager.ready('a');
  manager.ready('b');
  t.strictSame(lines(), ['READY=1', 'STATUS=a', 'WATCHDOG=1', 'READY=1', 'STATUS=b']);
  t.strictSame(
    clock().map(({ args }) => args[1 as never]),
    [15_000],
  );
});

t.test('another process has the watchdog, or nobody', async (t) => {
  const { fd } = descriptor(t);
  const clock = t.capture(globalThis, 'setInterval');
  for (const env of [{}, { WATCHDOG_USEC: '' }, { WATCHDOG_USEC: '0' }, { WATCHDOG_USEC: '1', WATCHDOG_PID: '8' }]) {
    new ServiceManager(env, PID, fd, unexpected).ready('a');
  }
  t.strictSame(clock(), []);
});

t.test('an older systemd is told by systemd-notify, in order', async (t) => {
  const directory = t.testdir();
  const program = join(directory, 'systemd-notify');
  const said = join(directory, 'said');
  // The first message takes longest.
  writeFileSync(
    program,
    `#!/bin/sh\n[ -e ${said} ] || sleep 0.2\nprintf '%s\\n' "$@" >> ${said}\n[ "$1" != STOPPING=1 ]\n`,
  );
  chmodSync(program, 0o755);
  const { PATH } = process.env;
  t.teardown(() => Object.assign(process.env, { PATH }));
  process.env['PATH'] = `${directory}:${PATH}`;
  // The program fails at the last message: what is told of that is that all have been delivered.
  const failed = await new Promise<Error>((resolve) => {
    const manager = new ServiceManager({ NOTIFY_SOCKET: '/run/systemd/notify' }, PID, undefined, resolve);
    manager.ready('a');
    manager.ready('b');
    manager.stopping();
  });
  t.match(failed, { code: 1 });
  t.strictSame(readFileSync(said, 'utf8'), 'READY=1\nSTATUS=a\nREADY=1\nSTATUS=b\nSTOPPING=1\n');
});

t.test('without systemd nothing is said, and a message that is not delivered is told', async (t) => {
  new ServiceManager({ NOTIFY_SOCKET: '' }, PID, undefined, unexpected).ready('a');
  const readOnly = openSync('/dev/null', 'r');
  t.teardown(() => closeSync(readOnly));
  const errors: unknown[] = [];
  new ServiceManager({}, PID, readOnly, (error) => errors.push(error)).ready('a');
  t.match(errors, [{ code: 'EBADF' }]);
});
