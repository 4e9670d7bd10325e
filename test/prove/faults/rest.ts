/**
 * That the rest goes on when one call fails: what did not need it is done, and a restart without a fault does everything.
 */
import { REFUSALS } from '../plan.js';
import type { Refused, Session } from './heard.js';
import type { Run } from './run.js';
import { MAIN, pushesOf, type Work } from './work.js';

const isOfMain = ({ queue }: Refused): boolean => queue === MAIN;
const isPush = ({ what }: Refused): boolean => what === 'push';

/** Most that one call may have refused, but for pushes: of a queue that cannot be opened, its file and its create. */
const ONCE = ['open', 'file', 'create', 'ack'] as const;

function* tooMuch({ refused }: Session, { inFlight }: Work): Generator<string> {
  for (const what of ONCE) {
    const count = refused.filter((one) => one.what === what).length;
    if (count > 1) yield `${what} was refused ${count} times`;
  }
  // A group that finds no room is stored in halves, until it is a single push that finds none: with it go those that its producer has
  // under way behind it.
  const full = refused.filter(({ what, code }) => (what === 'push' || what === 'ack') && code === 'disk_full').length;
  if (full > 1) yield `disk_full was the answer to ${full} pushes and acks`;
  const writers = new Set(refused.filter(isPush).map(({ writer }) => writer));
  const gaps = refused.filter(({ code }) => code === 'producer_gap').length;
  if (gaps > writers.size * (inFlight - 1)) yield `${gaps} pushes were refused with producer_gap`;
}

function* unanswered(session: Session, work: Work): Generator<string> {
  const { refused, acknowledged } = session;
  // Then there is no queue to push to.
  if (refused.some(({ what }) => what === 'open')) return;
  const wanted = pushesOf(work);
  for (const queue of ['main', 'made'] as const) {
    const its = refused.filter((one) => isOfMain(one) === (queue === 'main'));
    if (its.some(({ what }) => what === 'create')) continue;
    const pushes = its.filter(isPush);
    // A queue that has failed refuses all; then a writer stops.
    if (pushes.length >= REFUSALS * work.inFlight) continue;
    const answered = acknowledged[queue] + pushes.length;
    if (answered !== wanted[queue]) yield `${answered} of ${wanted[queue]} pushes to ${queue} were answered`;
  }
}

/** What was stopped by a fault at one call, of a process that went on. */
export function* stopped({ heard }: Run, work: Work): Generator<string> {
  const hit = heard.sessions.filter(({ refused }) => refused.length > 0);
  if (hit.length > 1) yield 'it refuses still after a restart';
  for (const session of heard.sessions) {
    const queues = new Set(session.refused.flatMap(({ queue }) => queue ?? []));
    if (queues.size > 1) yield `it refuses at ${[...queues].sort().join(' and ')}`;
    yield* tooMuch(session, work);
    yield* unanswered(session, work);
  }
}
