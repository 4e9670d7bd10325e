import { Command, Option } from 'clipanion';
import type { CreateLimits } from '../../src/client/node.js';
import { isRoteraError, RoteraError } from '../../src/errors.js';
import { ClientCommand } from '../command.js';
import { isTerminal } from '../context.js';
import { type AnyGap, gapText } from '../message-format.js';
import { type Copied, type End, mirror } from '../mirror.js';
import { startProgress } from '../progress.js';
import { countedText } from '../units.js';

export class MirrorCommand extends ClientCommand {
  static override paths = [['mirror']];
  static synopsis = 'SOURCE TARGET';
  static override usage = Command.Usage({
    category: 'Messages',
    description: 'copy a queue to another server, for ever',
    details: `
      SOURCE and TARGET are addresses of queues, such as http://edge:8245/queues/55, or names at the server of --url or
      --socket. Each message is copied once and in order, and it goes on where it was whatever was stopped or killed in
      between: the target itself remembers how far the copy is, as it remembers the producers that pushed to it last (one for
      each 8 KiB of its file's limit, at most 10,000). What rotation took before it was copied is told. A source that is made
      anew is copied from its beginning.

      Servers that are away are waited for. It reads the source with the verbs stat and read, and pushes to the target; tokens
      that differ are given with --source-token and --target-token.
    `,
    examples: [
      [
        'Keep a copy at the centre, and go on for ever',
        '$0 mirror http://edge:8245/queues/55 http://centre:8245/queues/55',
      ],
      ['Make the target first, with the limits of the source', '$0 mirror --create 55 http://centre:8245/queues/55'],
      ['Copy what there is, and end', '$0 mirror --once 55 http://centre:8245/queues/55'],
    ],
  });

  source = Option.String({ name: 'source', required: true });
  target = Option.String({ name: 'target', required: true });
  create = Option.Boolean('--create', false, { description: 'Make the target, with the limits of the source.' });
  once = Option.Boolean('--once', false, { description: 'End when all there is has been copied.' });
  from = Option.String('--from', 'oldest', { description: 'Where a copy that has never run begins (oldest).' });
  sourceToken = Option.String('--source-token', {
    env: 'ROTERA_SOURCE_TOKEN',
    description: 'Token for the source (ROTERA_SOURCE_TOKEN).',
  });
  targetToken = Option.String('--target-token', {
    env: 'ROTERA_TARGET_TOKEN',
    description: 'Token for the target (ROTERA_TARGET_TOKEN).',
  });

  #messages = 0;
  #bytes = 0;
  #targetEpoch: string | undefined;

  protected override readonly waitsForServers = true;

  protected async run(): Promise<void> {
    const signal = this.interruptible();
    const source = this.#end(this.source, this.sourceToken);
    const target = this.#end(this.target, this.targetToken);
    if (this.create) await this.#createTarget(source, target, signal);
    if (isTerminal(this.context.stderr))
      this.notice(`copying ${this.source} to ${this.target}`, { copying: this.source, target: this.target });
    const progress = startProgress(this.context.stderr, undefined);
    try {
      await mirror({
        source,
        target,
        from: this.from,
        signal,
        once: this.once,
        onGap: (gap) => this.#tellGap(gap),
        onSourceGone: () => this.notice('the source was removed; waiting for it', { waiting: 'source' }),
        onCopied: (copied) => {
          this.#count(copied);
          progress.update(this.#bytes, this.#messages);
        },
      });
    } finally {
      progress.stop();
      const { source, target } = this;
      this.notice(`copied ${countedText(this.#messages, 'message')}`, { source, target, messages: this.#messages });
    }
  }

  /** An address of a queue, or its name at the usual server. @throws `bad_parameter` */
  #end(text: string, token: string | undefined): End {
    if (!text.includes('/')) return { client: this.connectTo(this.address, token ?? this.token), queue: text };
    const match = /^(.*?)\/(?:queues\/)?([^/]+)\/?$/.exec(text.includes('://') ? text : `http://${text}`);
    if (match !== null && /^https?:\/\/[^/]/.test(match[1] as string)) {
      const queue = decodeURIComponent(match[2] as string);
      return { client: this.connectTo({ url: match[1] as string }, token ?? this.token), queue };
    }
    const accepted = 'the address of a queue, such as http://host:8245/queues/55, or a name';
    throw new RoteraError('bad_parameter', `${text} is not understood; accepted: ${accepted}.`, {
      value: text,
      accepted,
    });
  }

  async #createTarget(source: End, target: End, signal: AbortSignal): Promise<void> {
    const { maxMessages, maxBytes, maxAgeSeconds, maxMessageBytes, reserve } = await source.client.stat(source.queue, {
      signal,
    });
    const limits: CreateLimits = { maxMessages, maxBytes, maxAgeSeconds, maxMessageBytes, reserve };
    try {
      await target.client.create(target.queue, limits, { signal });
    } catch (error) {
      // It is there, with limits of its own.
      if (!isRoteraError(error, 'config_mismatch')) throw error;
    }
  }

  #count({ first, next, bytes, target }: Copied): void {
    this.#messages += next - first;
    this.#bytes += bytes;
    if (this.#targetEpoch !== undefined && this.#targetEpoch !== target.epoch) {
      this.notice(`the target was made anew: it begins with message ${first} of the source`, { targetAnew: { first } });
    }
    this.#targetEpoch = target.epoch;
  }

  #tellGap(gap: AnyGap): void {
    const text =
      gap.reason === 'recreated'
        ? 'the source was made anew; copying it from its beginning'
        : `${gapText(gap)}; they are not copied`;
    this.notice(text, { gap });
  }
}
