/**
 * What a REPL remembers between two lines, and how it runs commands.
 */
import type { RoteraClient } from '../../src/client/node.js';
import { type Context, Interrupted, type Outcome } from '../context.js';

const INTERRUPTED = 130;
const DEFAULT_BATCH = 10;

export class Session {
  /** The queue that the words are about. */
  queue: string | undefined;
  /** Where the next read begins: moves with each read. */
  place = 'oldest';
  /** Messages that a read prints. */
  batch = DEFAULT_BATCH;
  printIds = true;
  /** Of the last word that failed: what a script of words ends with. */
  exitCode = 0;
  /** Set by the word that leaves. */
  isOver = false;
  #running: AbortController | undefined;
  #insisting = new AbortController();
  #isTailing = false;
  readonly #runCommand: NonNullable<Context['run']>;

  constructor(
    readonly client: RoteraClient,
    /** That of the REPL itself, with its server in the environment. */
    readonly context: Context,
    /** Ends whatever runs: of a script of words, which nobody sits at. */
    readonly signal: AbortSignal = new AbortController().signal,
    /** Options that each command is given besides: what the environment cannot say of the server. */
    readonly options: readonly string[] = [],
  ) {
    if (context.run === undefined) throw new TypeError('A session needs a context that runs commands.');
    this.#runCommand = context.run;
  }

  /** Runs one of the CLI's own commands. */
  async run([name, ...words]: readonly [string, ...string[]]): Promise<Outcome> {
    const running = new AbortController();
    const insisting = new AbortController();
    this.#running = running;
    this.#insisting = insisting;
    this.#isTailing = name === 'tail';
    try {
      const interrupt = (): AbortSignal => AbortSignal.any([running.signal, this.signal]);
      const insist = (): AbortSignal => {
        const outer = this.context.insist?.();
        return outer === undefined ? insisting.signal : AbortSignal.any([insisting.signal, outer]);
      };
      const outcome = await this.#runCommand([name, ...this.options, ...words], { ...this.context, interrupt, insist });
      if (outcome.exitCode !== 0 && outcome.exitCode !== INTERRUPTED) this.exitCode = outcome.exitCode;
      return outcome;
    } finally {
      this.#running = undefined;
    }
  }

  /** Ends the command that runs, the second time even if it waits for something; false when none does. */
  interrupt(): boolean {
    if (this.#running?.signal.aborted === true) this.#insisting.abort(new Interrupted(INTERRUPTED));
    this.#running?.abort(new Interrupted(INTERRUPTED));
    return this.#running !== undefined;
  }

  /** Nobody types any more: a word that has an end comes to it, a tail is ended. */
  leave(): void {
    if (this.#isTailing) this.interrupt();
  }

  select(queue: string): void {
    this.queue = queue;
    this.place = 'oldest';
  }

  say(text: string): void {
    this.context.stdout.write(`${text}\n`);
  }

  /** Says what is wrong with a line. */
  complain(text: string): void {
    this.exitCode = 2;
    this.context.stderr.write(`${text}\n`);
  }

  /** Names of the server's queues; none when it does not answer. */
  async queueNames(): Promise<string[]> {
    try {
      const { queues } = await this.client.list({ retryMs: 0 });
      return queues.map(({ queue }) => queue);
    } catch {
      // Only for completion: the next word says what is wrong.
      return [];
    }
  }
}
