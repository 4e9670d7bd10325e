import { Command, Option } from 'clipanion';
import { RoteraError } from '../../src/errors.js';
import { ClientCommand } from '../command.js';
import { isTerminal } from '../context.js';
import { parseSeconds } from '../numbers.js';
import { offlineStat, refuseWithFile, withRotFile } from '../offline.js';
import { pause } from '../pause.js';
import { isUnreadable, type QueueStat, renderList, renderStat } from '../stat-view.js';

/** From the top left corner, and what is left of the last picture away: the terminal does not flicker (ECMA-48, 8.3.21 and 8.3.39). */
const HOME = '\u001b[H';
const CLEAR_LINE_END = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';
const CLEAR = '\u001b[2J';

/** More often nobody sees, and the server has work. */
const LEAST_INTERVAL_MS = 100;

/** One look at a queue, or at all. */
interface Look {
  readonly at: number;
  readonly stats: ReadonlyArray<QueueStat>;
  readonly text: (rates?: ReadonlyMap<string, number>) => string;
  readonly json: readonly object[];
}

export class StatCommand extends ClientCommand {
  static override paths = [['stat']];
  static synopsis = '[QUEUE]';
  static override usage = Command.Usage({
    category: 'Messages',
    description: 'show how a queue stands, or all of them',
    details: `
      The picture shows what is kept, from the oldest id to the next, and how much room is left before the oldest make place;
      letters above it are the cursors.
    `,
    examples: [
      ['All queues', '$0 stat'],
      ['One queue, as JSON', '$0 stat 55 --json'],
      ['One queue, again every second', '$0 stat 55 --watch'],
      ['A file, in use or not', '$0 stat -s rots/55.rot'],
    ],
  });

  queue = Option.String({ name: 'queue', required: false });
  file = Option.String('-s,--file', { description: 'Look into this rot file, without a server.' });
  watch = Option.Boolean('-w,--watch', false, { description: 'Look again and again, until Ctrl-C.' });
  interval = Option.String('--interval', '1s', { description: 'Time between two looks, 100ms or more (1s).' });

  protected async run(): Promise<void> {
    if (this.file !== undefined) refuseWithFile({ 'A queue': this.queue });
    if (!this.watch) {
      await this.#show(await this.#look());
      return;
    }
    const signal = this.interruptible();
    const intervalMs = parseSeconds('interval', this.interval) * 1000;
    if (intervalMs < LEAST_INTERVAL_MS) {
      const text = `--interval ${this.interval} is too short; accepted: ${LEAST_INTERVAL_MS}ms or more.`;
      throw new RoteraError('bad_parameter', text, { parameter: 'interval', value: this.interval });
    }
    let before: Look | undefined;
    while (!signal.aborted) {
      const look = await this.#look();
      await this.#show(look, before);
      before = look;
      await pause(intervalMs, signal);
    }
  }

  async #look(): Promise<Look> {
    const { queue, client, style, signal } = this;
    if (this.file !== undefined || queue !== undefined) {
      const stat: QueueStat =
        this.file === undefined
          ? await client.stat(queue as string, { signal })
          : await withRotFile(this.file, offlineStat);
      const text: Look['text'] = (rates) => renderStat(stat, style, rates?.get(stat.queue));
      return { at: performance.now(), stats: [stat], text, json: [stat] };
    }
    const { queues } = await client.list({ signal });
    const stats = queues.filter((stat) => !isUnreadable(stat)) as QueueStat[];
    return { at: performance.now(), stats, text: (rates) => renderList(queues, style.columns, rates), json: queues };
  }

  async #show(look: Look, before?: Look): Promise<void> {
    if (this.json) {
      for (const stat of look.json) await this.printJson(stat);
      return;
    }
    const nothing = look.json.length === 0 && this.token !== undefined;
    const text = nothing
      ? 'no queues that this token may see\n'
      : look.text(before === undefined ? undefined : rates(before, look));
    if (!this.watch) await this.print(text);
    else if (isTerminal(this.context.stdout)) {
      const lines = text.replaceAll('\n', `${CLEAR_LINE_END}\n`);
      await this.print(`${before === undefined ? CLEAR : ''}${HOME}${lines}${CLEAR_BELOW}`);
    } else await this.print(`${before === undefined ? '' : '\n'}${text}`);
  }
}

/** Messages a second of each queue between two looks; a queue made anew in between has none. */
function rates(before: Look, now: Look): Map<string, number> {
  const seconds = (now.at - before.at) / 1000;
  const rate = (stat: QueueStat): number => {
    const earlier = before.stats.find(({ epoch }) => epoch === stat.epoch);
    return earlier === undefined ? 0 : (stat.next - earlier.next) / seconds;
  };
  return new Map(now.stats.map((stat) => [stat.queue, rate(stat)]));
}
