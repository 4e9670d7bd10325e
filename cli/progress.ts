/**
 * How far a long push is, on a terminal's last line.
 */
import { SingleBar } from 'cli-progress';
import { isTerminal } from './context.js';
import { styleFor } from './style.js';
import { bytesText, countedText, durationText } from './units.js';

/** Often enough to look alive. */
const REDRAWS_PER_SECOND = 5;
/** What is over before this needs no bar. */
const QUIET_MS = 500;

interface Progress {
  readonly update: (bytes: number, messages: number) => void;
  /** Takes the line away again. */
  readonly stop: () => void;
}

const NO_PROGRESS: Progress = { update: () => undefined, stop: () => undefined };

/** A bar with rate and time left when the total is known; else a count with its rate. Nothing when `stream` is no terminal. */
export function startProgress(stream: NodeJS.WritableStream, total: number | undefined): Progress {
  if (!isTerminal(stream) || total === 0) return NO_PROGRESS;
  // What a narrow terminal cuts off stands last.
  const counted = '{messages}  {done}';
  const bar = new SingleBar({
    stream,
    format:
      total === undefined
        ? `{rate}/s  ${counted}  {duration_formatted}`
        : `{bar} {percentage}%  {rate}/s  {left} left  ${counted}`,
    fps: REDRAWS_PER_SECOND,
    hideCursor: true,
    clearOnComplete: true,
    barsize: Math.min(24, Math.floor(styleFor(stream, {}).columns / 4)),
  });
  const started = performance.now();
  let drawn = false;
  return {
    update: (bytes, messages) => {
      const elapsed = performance.now() - started;
      if (elapsed < QUIET_MS) return;
      const rate = bytesText(Math.round((bytes / elapsed) * 1000));
      const left = durationText((((total ?? 0) - bytes) / Math.max(1, bytes) / 1000) * elapsed);
      const payload = { messages: countedText(messages, 'message'), done: bytesText(bytes), rate, left };
      if (drawn) bar.update(Math.min(bytes, total ?? 0), payload);
      else bar.start(total ?? 1, Math.min(bytes, total ?? 0), payload);
      drawn = true;
    },
    stop: () => bar.stop(),
  };
}
