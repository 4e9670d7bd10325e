/**
 * The directory of rot files: queues by name.
 */
import { accessSync, constants, readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { LRUCache } from 'lru-cache';
import { messageOf, RoteraError } from '../errors.js';
import type { Block } from './block.js';
import { type DirectoryLock, lockDirectory } from './directory-lock.js';
import { Queue, type QueueOptions } from './queue.js';
import { DEFAULT_LIMITS, type Limits } from './retention.js';
import { type BlockCache, createRotFile, RotFile } from './rot-file.js';

export const ROT_SUFFIX = '.rot';
/** Names are queue names, file names and parts of URLs. 128 characters leave room for LMDB's `.rot-lock`. */
export const QUEUE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
/** Bytes of blocks kept in memory for readers, for all queues of a process together. */
const CACHE_BYTES = 32 * 1024 * 1024;

/** @throws `bad_name` */
export function checkName(name: string): void {
  if (QUEUE_NAME.test(name)) return;
  throw new RoteraError(
    'bad_name',
    `${JSON.stringify(name)} is no queue name: letters, digits, ".", "_" and "-", beginning with a letter or digit, at most 128 characters.`,
    { value: name, accepted: QUEUE_NAME.source },
  );
}

/** The queue that a file name stands for, or undefined when it is no rot file's. */
export function queueName(path: string): string | undefined {
  const file = basename(path);
  const name = file.slice(0, -ROT_SUFFIX.length);
  return file.endsWith(ROT_SUFFIX) && QUEUE_NAME.test(name) ? name : undefined;
}

export const newBlockCache = (): BlockCache =>
  new LRUCache<string, Block>({ maxSize: CACHE_BYTES, sizeCalculation: (block) => block.buffer.length });

/** The limits asked for, with defaults. @throws `bad_parameter` naming the field, its value and what is accepted. */
export function withDefaults(limits: Partial<Limits>): Limits {
  return { ...DEFAULT_LIMITS, ...limits };
}

/** A file that is there but cannot be served, and why. */
export interface Unreadable {
  readonly queue: string;
  readonly reason: RoteraError;
}

/** All queues of one directory. */
export class Queues {
  readonly #open = new Map<string, Queue>();
  readonly #unreadable = new Map<string, Unreadable>();
  readonly #creating = new Map<string, Promise<unknown>>();
  readonly #blocks = newBlockCache();

  private constructor(
    readonly directory: string,
    readonly options: QueueOptions,
    private readonly lock: DirectoryLock,
  ) {}

  /**
   * Opens every rot file of a directory, and keeps the directory to this process until `close()`. A file that cannot be
   * opened is listed with its reason; the others are served.
   * @throws `directory_unusable` when the directory is missing or not writable; `in_use` when another server has it
   */
  static open(directory: string, options: QueueOptions): Queues {
    try {
      if (!statSync(directory).isDirectory()) throw new Error('not a directory');
      accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
    } catch (cause) {
      const text = `The directory ${directory} cannot be used: ${messageOf(cause)}. Make it (mkdir -p), or choose another with --dir.`;
      throw new RoteraError('directory_unusable', text, {}, { cause });
    }
    const queues = new Queues(directory, options, lockDirectory(directory));
    for (const file of readdirSync(directory).sort()) {
      const name = queueName(file);
      if (name !== undefined) queues.#openFile(name);
    }
    return queues;
  }

  /** All open queues, sorted by name. */
  get all(): Queue[] {
    return [...this.#open.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Files that cannot be served. */
  get unreadable(): Unreadable[] {
    return [...this.#unreadable.values()];
  }

  /** @throws `bad_name`, `queue_not_found`, `queue_unreadable` */
  get(name: string): Queue {
    const queue = this.#open.get(name);
    if (queue !== undefined) return queue;
    checkName(name);
    const unreadable = this.#unreadable.get(name);
    if (unreadable !== undefined) {
      const text = `The queue ${name} cannot be read: ${unreadable.reason.message}`;
      throw new RoteraError('queue_unreadable', text, { reason: unreadable.reason.message });
    }
    throw new RoteraError('queue_not_found', `There is no queue ${name}. Create it with PUT /queues/${name}.`, {
      queue: name,
    });
  }

  /**
   * Makes a queue, or finds the one that is there. Durable on return.
   * @throws `bad_name`; `config_mismatch` when it exists and a given limit differs; `disk_full`
   */
  async create(name: string, limits: Partial<Limits>): Promise<{ queue: Queue; created: boolean }> {
    checkName(name);
    // One create of a name at a time: the second finds what the first made.
    while (this.#creating.has(name)) await this.#creating.get(name)?.catch(() => undefined);
    if (this.#open.has(name) || this.#unreadable.has(name)) {
      const queue = this.get(name);
      this.#verify(queue, limits);
      return { queue, created: false };
    }
    const making = createRotFile(this.#path(name), withDefaults(limits), this.options.now());
    this.#creating.set(name, making);
    try {
      await making;
    } finally {
      this.#creating.delete(name);
    }
    this.#openFile(name);
    return { queue: this.get(name), created: true };
  }

  /** Closes all queues and gives the directory back: pushes that wait are finished first. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#creating.values());
    await Promise.all([...this.#open.values()].map((queue) => queue.close()));
    this.#open.clear();
    this.lock.release();
  }

  #path(name: string): string {
    return join(this.directory, `${name}${ROT_SUFFIX}`);
  }

  #openFile(name: string): void {
    try {
      const file = RotFile.open(this.#path(name), { blocks: this.#blocks });
      this.#open.set(name, new Queue(name, file, this.options));
    } catch (error) {
      const reason =
        error instanceof RoteraError
          ? error
          : new RoteraError('queue_unreadable', messageOf(error), {}, { cause: error });
      this.#unreadable.set(name, { queue: name, reason });
    }
  }

  #verify(queue: Queue, limits: Partial<Limits>): void {
    const has = queue.stat();
    for (const [field, wanted] of Object.entries(limits)) {
      const value = has[field as keyof Limits];
      if (wanted === value) continue;
      const text = `The queue ${queue.name} exists with ${field} ${value}, not ${wanted}. Limits are fixed at create.`;
      throw new RoteraError('config_mismatch', text, { field, value: wanted, existing: value });
    }
  }
}
