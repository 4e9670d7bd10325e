/**
 * The directory of rot files: queues by name.
 */
import { accessSync, constants, existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isRoteraError, messageOf, RoteraError, systemCode } from '../errors.js';
import { newBlockCache } from './block-store.js';
import { createRotFile } from './create.js';
import { type DirectoryLock, lockDirectory } from './directory-lock.js';
import { isNoSpace, syncDirectory } from './disk.js';
import { markFailed, tryAgain } from './failed-mark.js';
import { fingerprintOf } from './fingerprint.js';
import { removeLeftovers, removeSoon } from './leftovers.js';
import { checkSameLimits, type Limits, withDefaults } from './limits.js';
import { Queue, type QueueEnd, type QueueOptions } from './queue.js';
import { checkName, queueName, ROT_SUFFIX } from './queue-name.js';
import { RotFile } from './rot-file.js';
import { seenMarkOf } from './seen-mark.js';

/** How soon a file that appears, disappears or is replaced is noticed at the latest. */
const POLL_MS = 1000;

/** A file that is there but cannot be served, and why. */
export interface Unreadable {
  readonly queue: string;
  readonly reason: RoteraError;
}

/** Whether nothing was left to open a file with: then it is not the file that is wrong. */
const isOverloaded = (reason: RoteraError): boolean => reason.code === 'overloaded';

/** Whether a file that cannot be opened for this reason can be later, as it is: also when a full disk had no room for its lock file. */
const isPassing = (reason: RoteraError): boolean => isOverloaded(reason) || isNoSpace(reason.cause);

/** What became of a file in the directory. */
export type QueuesChange =
  | { readonly type: 'opened'; readonly queue: string }
  | { readonly type: 'gone'; readonly queue: string; readonly end: QueueEnd }
  | ({ readonly type: 'unreadable' } & Unreadable)
  /** It could not be looked at, for another reason than the last time. */
  | { readonly type: 'directory unreadable'; readonly reason: string };

export interface QueuesOptions extends Pick<QueueOptions, 'now' | 'onCommit'> {
  /** Called once when a write failed: the process should answer what waits and end. The queue is marked for the next start. */
  readonly onFailure?: (error: RoteraError, queue: string) => void;
  /** Told of every queue that is opened, of every one that is not served any more, and of files that cannot be opened. */
  readonly onChange?: (change: QueuesChange) => void;
  /** How often the directory is looked at; 0 for never. ms. */
  readonly pollMs?: number;
}

/** All queues of one directory: a file that appears is opened, one that disappears is closed. */
export class Queues {
  readonly #open = new Map<string, Queue>();
  readonly #unreadable = new Map<string, Unreadable & { readonly fingerprint: string }>();
  /** Names whose files are being made or opened; the promises never reject. */
  readonly #busy = new Map<string, Promise<void>>();
  readonly #blocks = newBlockCache();
  readonly #poll: NodeJS.Timeout | undefined;
  #scanning: Promise<void> | undefined;
  /** When the directory had last changed as its names were made durable; ms. */
  #synced: number | undefined;
  /** Why the directory could not be looked at the last time, if so. */
  #unseen: string | undefined;
  #closed = false;

  private constructor(
    readonly directory: string,
    readonly options: QueuesOptions,
    private readonly lock: DirectoryLock,
    /** Never rejects. */
    private readonly leftovers: Promise<unknown>,
  ) {
    const { pollMs = POLL_MS } = options;
    if (pollMs > 0) this.#poll = setInterval(() => void this.#look(), pollMs).unref();
  }

  /** Opens every rot file of a directory. A file that cannot be opened is listed with its reason. @throws as {@link take}, {@link rescan} */
  static async open(directory: string, options: QueuesOptions): Promise<Queues> {
    const queues = Queues.take(directory, options);
    try {
      await queues.rescan();
      return queues;
    } catch (error) {
      // Else nobody could: the lock would be kept, and the directory be looked at for ever.
      await queues.close();
      throw error;
    }
  }

  /**
   * Takes a directory for this process until `close()`. No file is open yet: `rescan()` opens them.
   * @throws `directory_unusable` when the directory is missing or not writable; `in_use` when another server has it
   */
  static take(directory: string, options: QueuesOptions): Queues {
    try {
      if (!statSync(directory).isDirectory()) throw new Error('not a directory');
      accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
    } catch (cause) {
      const advice =
        systemCode(cause) === 'EACCES' ? 'Give the user that runs this write access to it' : 'Make it (mkdir -p)';
      const text = `The directory ${directory} cannot be used: ${messageOf(cause)}. ${advice}, or choose another with --dir.`;
      throw new RoteraError('directory_unusable', text, {}, { cause });
    }
    const lock = lockDirectory(directory);
    return new Queues(directory, options, lock, removeLeftovers(directory, options.now()));
  }

  /** All open queues, sorted by name. */
  get all(): Queue[] {
    return [...this.#open.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Files that cannot be served. */
  get unreadable(): Unreadable[] {
    return [...this.#unreadable.values()];
  }

  /** The queue, if it is open. */
  find(name: string): Queue | undefined {
    return this.#open.get(name);
  }

  /** @throws `bad_name`, `queue_not_found`, `queue_unreadable`, `overloaded` when nothing was left to open it with */
  get(name: string): Queue {
    const queue = this.#open.get(name);
    if (queue !== undefined) return queue;
    checkName(name);
    const unreadable = this.#unreadable.get(name);
    if (unreadable !== undefined) {
      if (isOverloaded(unreadable.reason)) throw unreadable.reason;
      const text = `The queue ${name} cannot be read: ${unreadable.reason.message}`;
      throw new RoteraError('queue_unreadable', text, { reason: unreadable.reason.message });
    }
    throw new RoteraError('queue_not_found', `There is no queue ${name}. Create it with PUT /queues/${name}.`, {
      queue: name,
    });
  }

  /**
   * Makes a queue, or finds the one that is there. Durable on return.
   * @throws `bad_name`; `config_mismatch` when it exists and a given limit differs; `queue_unreadable` when it exists and cannot be
   * opened; `disk_full`, `overloaded`, `directory_unusable`, `commit_timeout`, `draining`: then there is none, unless the disk did not
   * answer or nothing was left to open it with: then it comes later
   */
  async create(name: string, limits: Partial<Limits>): Promise<{ queue: Queue; created: boolean }> {
    checkName(name);
    return await this.#alone(name, async () => {
      await this.#forgetGone(name);
      if (this.#open.has(name) || this.#unreadable.has(name))
        return { queue: this.#existing(name, limits), created: false };
      const created = await this.#make(name, withDefaults(limits));
      await this.#openFile(name);
      return { queue: created ? this.get(name) : this.#existing(name, limits), created };
    });
  }

  /**
   * Looks at the directory now: opens what appeared, closes what is gone or replaced, rotates out what is too old.
   * @throws what the system throws when it cannot be read; `directory_unusable`, `commit_timeout` when what appeared in it cannot
   * be made durable
   */
  async rescan(): Promise<void> {
    this.#scanning ??= this.#scan().finally(() => {
      this.#scanning = undefined;
    });
    await this.#scanning;
  }

  /**
   * Makes the names in the directory durable, unless it has not changed since the last time: whoever put a file there need not
   * have. `rescan()` does it before it opens a file.
   * @throws `directory_unusable`, `commit_timeout`
   */
  async syncNames(): Promise<void> {
    try {
      const changed = statSync(this.directory).ctimeMs;
      if (changed === this.#synced) return;
      await syncDirectory(this.directory);
      this.#synced = changed;
    } catch (cause) {
      if (isRoteraError(cause)) throw cause;
      const text = `The names in the directory cannot be made durable (${systemCode(cause)}).`;
      throw new RoteraError('directory_unusable', text, {}, { cause });
    }
  }

  /** Closes all queues and gives the directory back: pushes that wait are finished first. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#poll);
    await this.#scanning?.catch(() => undefined);
    while (this.#busy.size > 0) await Promise.all(this.#busy.values());
    await Promise.all([...this.#open.values()].map((queue) => queue.close()));
    this.#open.clear();
    this.lock.release();
  }

  /** One look of many: a directory that cannot be read, or no file handle, is no reason to end. */
  async #look(): Promise<void> {
    try {
      await this.rescan();
      this.#unseen = undefined;
    } catch (error) {
      const reason = messageOf(error);
      if (reason !== this.#unseen) this.options.onChange?.({ type: 'directory unreadable', reason });
      this.#unseen = reason;
    }
  }

  #path(name: string): string {
    return join(this.directory, `${name}${ROT_SUFFIX}`);
  }

  async #scan(): Promise<void> {
    await this.leftovers;
    for (const [name, queue] of this.#open) {
      if (this.#closed) return;
      // Alone: a file that is made under this name shares the lock file, and must not be opened before the old one is closed.
      if (!this.#busy.has(name) && !queue.isInPlace()) await this.#alone(name, () => this.#drop(queue));
    }
    const names = readdirSync(this.directory).flatMap((file) => queueName(file) ?? []);
    const unknown = names.filter((name) => !this.#open.has(name) && !this.#busy.has(name)).sort();
    const appeared = unknown.filter((name) => this.#hasChanged(name));
    // What is pushed to a file whose name is lost would be lost with it.
    if (appeared.length > 0) await this.syncNames();
    for (const name of appeared) {
      if (this.#closed) return;
      await this.#alone(name, () => this.#openFile(name));
    }
    for (const name of this.#unreadable.keys()) if (!names.includes(name)) this.#unreadable.delete(name);
    // A failure to rotate is the queue's own, and its pushes will tell it.
    await Promise.allSettled([...this.#open.values()].map((queue) => queue.expire()));
  }

  /** Forgets what is not there any more, and was not missed yet at the last look. Only for who has the name alone. */
  async #forgetGone(name: string): Promise<void> {
    const queue = this.#open.get(name);
    if (queue !== undefined && !queue.isInPlace()) await this.#drop(queue);
    if (fingerprintOf(this.#path(name)) === undefined) this.#unreadable.delete(name);
  }

  async #drop(queue: Queue): Promise<void> {
    this.#open.delete(queue.name);
    const end = existsSync(this.#path(queue.name)) ? 'recreated' : 'removed';
    this.options.onChange?.({ type: 'gone', queue: queue.name, end });
    await queue.close(end);
    if (!existsSync(this.#path(queue.name))) await removeSoon(seenMarkOf(this.#path(queue.name)));
  }

  /** Does something about a name when nothing else is being done about it. @throws `draining`, what `work` throws */
  async #alone<T>(name: string, work: () => Promise<T>): Promise<T> {
    for (let other = this.#busy.get(name); other !== undefined; other = this.#busy.get(name)) await other;
    if (this.#closed) throw new RoteraError('draining', 'The server is stopping.');
    const working = work().finally(() => this.#busy.delete(name));
    this.#busy.set(
      name,
      working.then(
        () => undefined,
        () => undefined,
      ),
    );
    return await working;
  }

  /** Makes the file of a queue. @returns false when somebody has put one there since the last look */
  async #make(name: string, limits: Limits): Promise<boolean> {
    try {
      await createRotFile(this.#path(name), limits, this.options.now());
      return true;
    } catch (error) {
      if (isRoteraError(error, 'file_exists')) return false;
      throw error;
    }
  }

  /** Whether a file under this name is another than the one that could not be opened, if there was one. */
  #hasChanged(name: string): boolean {
    return fingerprintOf(this.#path(name)) !== this.#unreadable.get(name)?.fingerprint;
  }

  async #openFile(name: string): Promise<void> {
    const path = this.#path(name);
    let fingerprint = fingerprintOf(path);
    const isKnown = this.#open.has(name) || this.#unreadable.get(name)?.fingerprint === fingerprint;
    if (fingerprint === undefined || isKnown) return;
    try {
      const readOnly = await tryAgain(path);
      // As it is opened: what is closed under another name meanwhile is to be seen.
      fingerprint = fingerprintOf(path) ?? fingerprint;
      const file = await RotFile.open(path, { blocks: this.#blocks, ...(readOnly === undefined ? {} : { readOnly }) });
      this.#unreadable.delete(name);
      this.#open.set(
        name,
        new Queue(name, file, { ...this.options, onFailure: (_, error) => this.#failed(name, error) }),
      );
      this.options.onChange?.({ type: 'opened', queue: name });
    } catch (error) {
      const reason = isRoteraError(error)
        ? error
        : new RoteraError('queue_unreadable', systemCode(error), {}, { cause: error });
      // What passes by itself is tried again at the next look.
      const known = this.#unreadable.get(name);
      this.#unreadable.set(name, { queue: name, reason, fingerprint: isPassing(reason) ? '' : fingerprint });
      if (known?.reason.message !== reason.message)
        this.options.onChange?.({ type: 'unreadable', queue: name, reason });
    }
  }

  #failed(name: string, error: RoteraError): void {
    markFailed(this.#path(name), error);
    this.options.onFailure?.(error, name);
  }

  /** The queue that exists, if it has the limits that are asked for. */
  #existing(name: string, limits: Partial<Limits>): Queue {
    const queue = this.get(name);
    checkSameLimits(name, queue.limits, limits);
    return queue;
  }
}
