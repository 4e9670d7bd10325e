import t from 'tap';
import { inheritedDescriptors } from '../../src/systemd/descriptors.js';

t.test('the sockets and the notification descriptor are told apart by name, in any order', async (t) => {
  const env = { LISTEN_PID: '7', LISTEN_FDS: '2' };
  t.strictSame(inheritedDescriptors({ ...env, LISTEN_FDNAMES: 'rotera:notify' }, 7), { sockets: [3], notify: 4 });
  t.strictSame(inheritedDescriptors({ ...env, LISTEN_FDNAMES: 'notify:rotera' }, 7), { sockets: [4], notify: 3 });
  t.strictSame(inheritedDescriptors({ ...env, LISTEN_FDS: '1', LISTEN_FDNAMES: 'notify' }, 7), {
    sockets: [],
    notify: 3,
  });
});

t.test('without names everything is a socket', async (t) => {
  t.strictSame(inheritedDescriptors({ LISTEN_PID: '7', LISTEN_FDS: '2' }, 7), { sockets: [3, 4] });
});

t.test('nothing is passed, or to another process', async (t) => {
  for (const env of [
    {},
    { LISTEN_FDS: '1' },
    { LISTEN_PID: '8', LISTEN_FDS: '1' },
    { LISTEN_PID: '7', LISTEN_FDS: 'x' },
    { LISTEN_PID: '7', LISTEN_FDS: '0' },
  ]) {
    t.strictSame(inheritedDescriptors(env, 7), { sockets: [] }, JSON.stringify(env));
  }
});
