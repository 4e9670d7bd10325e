/**
 * Raw frames on both sockets: what is against RFC 6455 closes the socket with the right code, what is not is answered, and nothing
 * but whole messages is stored.
 */
import t, { type Test } from 'tap';
import type { Queue } from '../../src/queue/queue.js';
import { messages, readFrom } from '../support/queues.js';
import { closeFrame, frame, OPCODE, RawSocket } from '../support/raw-frames.js';
import { type RealWire, startListening } from '../support/wire.js';
import { FRAMES, type FrameCase, MAX_BYTES } from './frame-cases.js';
import { makeQueue, pushEach } from './words.js';

/** The last ping of a case: once its pong is here, all before it was understood. */
const END = 'the end of the case';
/** A tail takes acks only: any other message ends it. */
const REFUSED = 1008;
const TOO_LARGE = 1009;
/** And looks at no longer ones. */
const MAX_TAIL_BYTES = 4096;

const start = (t: Test): Promise<RealWire> => startListening(t, { limits: { maxPushBytes: MAX_BYTES } });

/** Sends the frames, and waits until so many answers have come and all is understood, or the socket is closed. */
async function say(wire: RealWire, path: string, { bytes }: FrameCase, answers: number): Promise<RawSocket> {
  const socket = await RawSocket.open(wire.port, path);
  for (const piece of bytes) {
    socket.send(piece);
    // Each piece in a packet of its own, as far as that can be had.
    if (bytes.length < 10) await new Promise(setImmediate);
  }
  socket.send(frame(OPCODE.ping, END));
  const isOver = (): boolean =>
    socket.closeCode !== undefined ||
    (socket.payloads(OPCODE.pong).includes(END) && socket.payloads(OPCODE.text).length >= answers);
  await socket.connection.until(isOver);
  return socket;
}

async function hangUp({ connection, closeCode }: RawSocket): Promise<void> {
  connection.socket.end(closeFrame(closeCode === undefined || closeCode === 1005 ? 1000 : closeCode));
  await connection.until(() => false);
  connection.socket.destroy();
}

/** What came of a case on a socket of pushes: how it was closed, the pongs, what was stored. */
async function pushed(wire: RealWire, queue: Queue, one: FrameCase): Promise<unknown> {
  const { stores = [], isRefused = false } = one;
  const { next } = queue;
  const socket = await say(wire, '/queues/q/push', one, stores.length + Number(isRefused));
  const { closeCode: close } = socket;
  const pongs = socket.payloads(OPCODE.pong).filter((payload) => payload !== END);
  const ended = hangUp(socket);
  // Behind everything that the frames may have stored.
  await pushEach(queue, 'end');
  const stored = messages(readFrom(queue, next)).map((message) => message.toString('latin1'));
  await ended;
  return { close, pongs, stored };
}

/** What must come of it. */
const wanted = ({ close, pongs = [], stores = [] }: FrameCase): unknown => ({
  close,
  pongs,
  stored: [...stores, 'end'],
});

for (const [group, cases] of Object.entries(FRAMES)) {
  t.test(`pushes: ${group}`, async (t) => {
    const wire = await start(t);
    const queue = await makeQueue(wire, { maxMessageBytes: MAX_BYTES });
    for (const one of cases) t.strictSame(await pushed(wire, queue, one), wanted(one), one.name);
  });

  t.test(`tail: ${group}`, async (t) => {
    const wire = await start(t);
    await makeQueue(wire);
    for (const one of cases) {
      const { name, close, stores = [], pongs = [], isRefused = false } = one;
      // It says open and up-to-date by itself.
      const socket = await say(wire, '/queues/q/tail', one, 2);
      const isMessage = stores.length > 0 || isRefused;
      const refused = stores.some((text) => text.length > MAX_TAIL_BYTES) ? TOO_LARGE : REFUSED;
      t.equal(socket.closeCode, isMessage ? refused : close, name);
      if (!isMessage)
        t.strictSame(
          socket.payloads(OPCODE.pong).filter((payload) => payload !== END),
          pongs,
          `${name}: pongs`,
        );
      await hangUp(socket);
    }
    t.equal((await wire.send({ path: '/queues/q' })).status, 200, 'the server is alive');
  });
}

t.ok(Object.values(FRAMES).flat().length >= 100);

t.test('the check finds this server with a lenient parser of frames', async (t) => {
  const wire = await startListening(t, {
    limits: { maxPushBytes: MAX_BYTES },
    prepare: (app) => Object.assign(app.websocketServer.options, { skipUTF8Validation: true }),
  });
  const queue = await makeQueue(wire, { maxMessageBytes: MAX_BYTES });
  const notText = Object.values(FRAMES)
    .flat()
    .filter(({ name }) => name.startsWith('no UTF-8'));
  t.not(notText.length, 0);
  for (const one of notText) t.notSame(await pushed(wire, queue, one), wanted(one), one.name);
});
