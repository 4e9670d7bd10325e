/**
 * Whether a history can be explained by a perfect rotating queue, on which every operation takes effect at one moment between
 * its beginning and its end. The ids say in which order the pushes took effect, so there is no order to search for.
 */
import type { EndsSeen, History, PushSeen, ReadSeen } from './history.js';

/** A push whose place is known, from its acknowledgement or from a read. */
interface Placed {
  readonly push: PushSeen;
  readonly first: number;
  readonly next: number;
}

const LABEL = /^(.+)\/(\d+)$/;

/** Everything that cannot be explained. */
export function explain(history: History): string[] {
  return new Explanation(history).wrong;
}

class Explanation {
  readonly wrong: string[] = [];
  readonly #history: History;
  readonly #places = new Map<string, number>();
  /** In the order of their ids. */
  readonly #order: readonly Placed[];
  /** Pushes that may have been kept, and rotated out before anyone saw them. */
  readonly #unseen: readonly PushSeen[];

  constructor(history: History) {
    this.#history = history;
    for (const { label, first } of history.pushes) if (first !== undefined) this.#places.set(label, first);
    this.#learn();
    this.#order = history.pushes
      .flatMap((push) => {
        const first = this.#places.get(push.label);
        return first === undefined ? [] : [{ push, first, next: first + push.count }];
      })
      .sort((a, b) => a.first - b.first);
    this.#unseen = history.pushes.filter(({ label }) => !this.#places.has(label));
    this.#gapless();
    this.#inTime();
    this.#visible();
    for (const read of history.reads) this.#read(read);
    for (const ends of history.ends) this.#rotated(ends);
  }

  /** Places of pushes whose outcome was not known, and of all others once more, from what was read. */
  #learn(): void {
    const counts = new Map(this.#history.pushes.map(({ label, count }) => [label, count]));
    for (const { first, texts } of this.#history.reads) {
      for (const [i, text] of texts.entries()) {
        const [, label = '', index = ''] = LABEL.exec(text) ?? [];
        const count = counts.get(label);
        if (count === undefined)
          this.wrong.push(`read at ${first + i}: "${text}", which nobody pushed, or was refused`);
        else if (Number(index) >= count) this.wrong.push(`read at ${first + i}: "${text}" of ${count} messages`);
        else this.#place(label, first + i - Number(index), text);
      }
    }
  }

  #place(label: string, first: number, text: string): void {
    const known = this.#places.get(label);
    if (known === undefined) this.#places.set(label, first);
    else if (known !== first) this.wrong.push(`"${text}": its push stands at ${known} and at ${first}`);
  }

  /** No two pushes share an id, and no id is left out but those of pushes that nobody has seen. */
  #gapless(): void {
    let room = this.#unseen.reduce((sum, { count }) => sum + count, 0);
    let next = 0;
    for (const placed of this.#order) {
      if (placed.first < next) this.wrong.push(`${placed.push.label}: at ${placed.first}, which is another's`);
      else room -= placed.first - next;
      next = Math.max(next, placed.next);
    }
    if (room < 0) this.wrong.push(`${-room} ids belong to no push`);
  }

  /** A push that was answered before another was sent has the lower ids. */
  #inTime(): void {
    let endedFirst = Number.POSITIVE_INFINITY;
    for (const { push } of [...this.#order].reverse()) {
      if (endedFirst < push.began) this.wrong.push(`${push.label}: sent after a later one was acknowledged`);
      endedFirst = Math.min(endedFirst, push.ended);
    }
  }

  /** What is told of the ends: nothing missing that was acknowledged before, nothing from the future, never backwards. */
  #visible(): void {
    const byEnd = [...this.#order].sort((a, b) => a.push.ended - b.push.ended);
    const seen = [...this.#history.ends].sort((a, b) => a.began - b.began);
    const told = [...this.#history.ends].sort((a, b) => a.ended - b.ended);
    let acknowledged = 0;
    let at = 0;
    let before = 0;
    let toldAt = 0;
    for (const ends of seen) {
      for (; at < byEnd.length && (byEnd[at] as Placed).push.ended < ends.began; at++) {
        acknowledged = Math.max(acknowledged, (byEnd[at] as Placed).next);
      }
      for (; toldAt < told.length && (told[toldAt] as EndsSeen).ended < ends.began; toldAt++) {
        before = Math.max(before, (told[toldAt] as EndsSeen).next);
      }
      if (ends.next < acknowledged)
        this.wrong.push(`ends at ${ends.next}, but ${acknowledged} was acknowledged before`);
      if (ends.next < before) this.wrong.push(`ends at ${ends.next}, but had ended at ${before} before`);
      this.#notSplit(ends);
    }
  }

  /** The end lies between two pushes, and none in front of it was sent later. */
  #notSplit({ next, ended }: EndsSeen): void {
    for (const { push, first, next: behind } of this.#order) {
      if (first >= next) return;
      if (behind > next) this.wrong.push(`${push.label}: seen up to ${next}, in part`);
      if (push.began > ended) this.wrong.push(`${push.label}: seen before it was sent`);
    }
  }

  #read(read: ReadSeen): void {
    const { from, first, gap, texts } = read;
    const begins = gap?.to ?? from;
    if (gap !== null && (gap.from !== from || gap.to <= from))
      this.wrong.push(`read from ${from}: gap ${gap.from} to ${gap.to}`);
    if (first !== begins) this.wrong.push(`read from ${from}: begins at ${first}, where ${begins} was told`);
    this.#goesOn(read);
    for (const [i, text] of texts.entries()) {
      const placed = this.#at(first + i);
      if (placed === undefined || text === `${placed.push.label}/${first + i - placed.first}`) continue;
      this.wrong.push(`read at ${first + i}: "${text}", where ${placed.push.label} stands`);
    }
  }

  /**
   * A client goes on where a read says, and at once: nothing in front of that is left out, none is told to go on from where it
   * stands, and none to come again for what nobody has pushed.
   */
  #goesOn({ from, limit, first, next, upToDate, texts, ended }: ReadSeen): void {
    const { length } = texts;
    if (next !== first + length)
      this.wrong.push(`read from ${from}: ${length} messages from ${first} on, and goes on at ${next}`);
    if (length > limit) this.wrong.push(`read from ${from}: ${length} messages, where ${limit} were asked for`);
    if (upToDate) return;
    if (length === 0) this.wrong.push(`read from ${from}: empty, but not at the end`);
    const began = Math.min(...[this.#at(next)?.push, ...this.#unseen].map((push) => push?.began ?? Infinity));
    if (began > ended)
      this.wrong.push(`read from ${from}: not at the end at ${next}, behind which nothing was sent yet`);
  }

  /** The push that holds an id. */
  #at(id: number): Placed | undefined {
    let low = 0;
    let high = this.#order.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#order[middle] as Placed).first <= id) low = middle;
      else high = middle - 1;
    }
    const placed = this.#order[low];
    return placed !== undefined && id >= placed.first && id < placed.next ? placed : undefined;
  }

  /** Rotation is exact to the message. */
  #rotated({ oldest, next }: EndsSeen): void {
    const wanted = Math.max(0, next - this.#history.maxMessages);
    if (oldest !== undefined && oldest !== wanted)
      this.wrong.push(`holds ${oldest} to ${next}, where its limit asks for ${wanted}`);
  }
}
