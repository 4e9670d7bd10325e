/**
 * Loaded before a server: a clock that stands still, at 1970, until the parent sets it.
 */
let now = 0;
Date.now = () => now;

process.on('message', (wanted: { readonly now: number }) => {
  now = wanted.now;
  process.send?.('done');
});
// It does not keep the server alive.
process.channel?.unref();
