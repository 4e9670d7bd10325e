/**
 * What a queue that is not perfect might have shown: histories that are spoiled, each in one way that must be found.
 */
import type { EndsSeen, History, ReadSeen } from './history.js';

export interface Fault {
  /** The same history with the fault in it; undefined where there is nothing to spoil. */
  readonly spoil: (history: History) => History | undefined;
  /** What is said of this fault, and not of others. */
  readonly sees: RegExp;
}

/** A push that was the newest one when the ends were told: its loss shows there. */
function lose(history: History): History | undefined {
  const byNext = new Map(history.pushes.map((push) => [(push.first ?? Number.NaN) + push.count, push]));
  const ends = history.ends.find(({ next, began }) => (byNext.get(next)?.ended ?? Number.POSITIVE_INFINITY) < began);
  const lost = ends === undefined ? undefined : byNext.get(ends.next);
  if (lost?.first === undefined) return undefined;
  const { label, first, count } = lost;
  // The ids behind it are given to others.
  const down = (id: number): number => (id <= first ? id : Math.max(first, id - count));
  const least = (next: number): number => Math.max(0, next - history.maxMessages);
  const read = (seen: ReadSeen): ReadSeen => ({
    ...seen,
    from: down(seen.from),
    first: down(seen.first),
    next: down(seen.next),
    gap: seen.gap === null ? null : { from: down(seen.gap.from), to: down(seen.gap.to) },
    texts: seen.texts.filter((text) => !text.startsWith(`${label}/`)),
  });
  const end = ({ oldest, next, ...when }: EndsSeen): EndsSeen => ({
    ...when,
    next: down(next),
    oldest: oldest === undefined ? undefined : least(down(next)),
  });
  return {
    ...history,
    pushes: history.pushes.map((push) =>
      push === lost || push.first === undefined ? push : { ...push, first: down(push.first) },
    ),
    reads: history.reads.map(read),
    ends: history.ends.map(end),
  };
}

function goBack(history: History): History | undefined {
  const last = history.ends.reduce((a, b) => (b.began > a.began ? b : a));
  const past = { ...last, oldest: undefined, next: history.ends[0]?.next ?? 0 };
  return past.next === last.next ? undefined : { ...history, ends: [...history.ends, past] };
}

function split(history: History): History | undefined {
  const push = history.pushes.find(({ first, count }) => first !== undefined && count > 1);
  if (push?.first === undefined) return undefined;
  const ends = { began: push.began, ended: push.ended, oldest: undefined, next: push.first + 1 };
  return { ...history, ends: [...history.ends, ends] };
}

function rotateMore(history: History): History | undefined {
  const at = history.ends.findIndex(({ oldest }) => oldest !== undefined && oldest > 0);
  if (at === -1) return undefined;
  const more = (ends: EndsSeen): EndsSeen => ({ ...ends, oldest: (ends.oldest ?? 0) + 1 });
  return { ...history, ends: history.ends.map((ends, i) => (i === at ? more(ends) : ends)) };
}

function double(history: History): History | undefined {
  const push = history.pushes.find(({ first }) => first !== undefined);
  const read = history.reads.find(({ texts }) => texts.length > 0);
  if (push === undefined || read === undefined) return undefined;
  const first = read.first + 1_000_000;
  const twice = { ...read, first, from: first, next: first + 1, gap: null };
  return { ...history, reads: [...history.reads, { ...twice, texts: [`${push.label}/0`] }] };
}

/** One of the reads told otherwise. */
const tell =
  (which: (read: ReadSeen, history: History) => boolean, otherwise: (read: ReadSeen) => Partial<ReadSeen>) =>
  (history: History): History | undefined => {
    const at = history.reads.findIndex((read) => which(read, history));
    if (at === -1) return undefined;
    return { ...history, reads: history.reads.map((read, i) => (i === at ? { ...read, ...otherwise(read) } : read)) };
  };

/** Whether nothing was sent yet that can stand behind a read. */
const isLast = ({ next, ended }: ReadSeen, { pushes }: History): boolean =>
  !pushes.some(({ first, count, began }) => began <= ended && (first === undefined || first + count > next));

export const FAULTS: Readonly<Record<string, Fault>> = {
  'an acknowledged push that is not seen': { spoil: lose, sees: /was acknowledged before/ },
  'two messages in each other’s place': {
    spoil: tell(
      ({ texts }) => texts.length >= 2,
      ({ texts: [a = '', b = '', ...rest] }) => ({ texts: [b, a, ...rest] }),
    ),
    sees: /stands/,
  },
  'an answer from the past': { spoil: goBack, sees: /had ended at \d+ before/ },
  'a push seen in part': { spoil: split, sees: /in part/ },
  'one message too many rotated out': { spoil: rotateMore, sees: /its limit asks for/ },
  'a push kept twice': { spoil: double, sees: /its push stands at \d+ and at \d+/ },
  'a read without its last message': {
    spoil: tell(
      ({ texts }) => texts.length >= 2,
      ({ texts }) => ({ texts: texts.slice(0, -1) }),
    ),
    sees: /and goes on at/,
  },
  'a read that goes on at its last message': {
    spoil: tell(
      ({ texts }) => texts.length >= 2,
      ({ next }) => ({ next: next - 1 }),
    ),
    sees: /and goes on at/,
  },
  'more messages than were asked for': {
    spoil: tell(
      ({ texts }) => texts.length >= 2,
      ({ texts }) => ({ limit: texts.length - 1 }),
    ),
    sees: /were asked for/,
  },
  'an empty answer in front of messages': {
    spoil: tell(
      ({ upToDate, texts }) => !upToDate && texts.length > 0,
      ({ first }) => ({ next: first, texts: [] }),
    ),
    sees: /empty, but not at the end/,
  },
  'more told as being there, when there is none': {
    spoil: tell(
      (read, history) => read.upToDate && isLast(read, history),
      () => ({ upToDate: false }),
    ),
    sees: /nothing was sent yet/,
  },
};
