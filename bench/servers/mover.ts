/**
 * The least that a socket can do: for every IN bytes that come, OUT bytes go back. Words: port, IN, OUT.
 */
import { createServer } from 'node:net';

const [port = 0, bytesIn = 1, bytesOut = 1] = process.argv.slice(2).map(Number);
const answer = Buffer.alloc(bytesOut, '.');

createServer({ noDelay: true }, (socket) => {
  let had = 0;
  socket.on('error', () => socket.destroy());
  socket.on('data', (piece) => {
    had += piece.length;
    const whole = Math.floor(had / bytesIn);
    had -= whole * bytesIn;
    if (whole === 0) return;
    if (bytesOut === 1) socket.write(Buffer.alloc(whole, '.'));
    else for (let i = 0; i < whole; i++) socket.write(answer);
  });
}).listen(port, '127.0.0.1');
