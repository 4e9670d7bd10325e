/**
 * Who pushes: the identities that make a repeated push store nothing twice.
 */

/** One producer of one queue. A push is sent under its `id`, `epoch` and `seq`. */
export interface Producer {
  id: string;
  /** A later life of the same producer; its sequence begins at 0. */
  epoch: number;
  /** Of the next push. */
  seq: number;
}

/**
 * A pool: a push borrows a producer and returns it when it is over. So there are as many as pushes have ever been under way at
 * once (a server keeps only so many), and no two pushes under way share a sequence.
 */
export class Producers {
  readonly #idle = new Map<string, Producer[]>();

  borrow(queue: string): Producer {
    return this.#idle.get(queue)?.pop() ?? newProducer();
  }

  /** Its name and `seq` must not be those of a push whose outcome is unknown. */
  giveBack(queue: string, producer: Producer): void {
    const idle = this.#idle.get(queue);
    if (idle === undefined) this.#idle.set(queue, [producer]);
    else idle.push(producer);
  }
}

export const newProducer = (): Producer => ({ id: randomId(), epoch: 0, seq: 0 });

/** 128 random bits. Not `randomUUID`: browsers have that on HTTPS only. */
function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
