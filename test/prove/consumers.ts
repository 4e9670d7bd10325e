/**
 * Consumers with cursors that are killed and started again, producers that retry, and a server that is killed: every message
 * is kept exactly once, and each consumer gets it at least once or is told that it is gone.
 */
import { join } from 'node:path';
import { CONSUMERS, PRODUCERS, Traffic, type TrafficOptions } from './consumers/traffic.js';
import type { Control, Outcome, Proof, Trial } from './proof.js';
import { Random } from './random.js';

/** A control is given so many kills of the server to be caught. */
const CONTROL_ROUNDS = 8;

/** What a control is to be caught by, each under its own name. */
type Sights = Readonly<Record<string, RegExp>>;

/** Rounds with something wrong, until all of it shows. */
async function control(options: TrafficOptions, sights: Sights): Promise<Control[]> {
  const traffic = await Traffic.open(options);
  const found = (wrong: readonly string[]): Control[] =>
    Object.entries(sights).map(([name, sees]) => ({ name, caught: wrong.find((text) => sees.test(text)) }));
  try {
    for (let i = 0; i < CONTROL_ROUNDS; i++) {
      await traffic.round();
      const controls = found(traffic.heard);
      if (controls.every(({ caught }) => caught !== undefined)) return controls;
    }
    return found((await traffic.end()).wrong);
  } finally {
    traffic.close();
  }
}

/** Every fault that must be found. */
async function controls({ directory, seed }: Trial): Promise<Control[]> {
  const random = new Random(seed).fork(2);
  const forgetful = [{ module: '/src/queue/read.js', by: './forgetful.js' }];
  const skipping = [{ module: '/src/queue/read.js', by: './skipping.js' }];
  return [
    ...(await control(
      { directory: join(directory, 'nameless'), random, isNameless: true },
      { 'producers without names': /are stored/ },
    )),
    ...(await control(
      { directory: join(directory, 'early'), random, acknowledgesEarly: true },
      { 'acknowledged before it is dealt with': /never got/ },
    )),
    ...(await control(
      { directory: join(directory, 'twice'), random, gives: 'twice' },
      { 'a batch given twice': /once more in one life/ },
    )),
    ...(await control(
      { directory: join(directory, 'swapped'), random, gives: 'swapped' },
      { 'a batch given before the one in front of it': /was to come/ },
    )),
    ...(await control(
      { directory: join(directory, 'skipping'), random, replacements: skipping },
      { 'messages left out': /was to come/ },
    )),
    ...(await control(
      { directory: join(directory, 'forgetful'), random, replacements: forgetful },
      { 'messages told as gone that are there': /are gone, when/ },
    )),
    ...(await control(
      { directory: join(directory, 'set-back'), random, setsBack: true },
      { 'a cursor set back': /stood at/, 'what was acknowledged comes again': /though the ack/ },
    )),
  ];
}

async function prove(trial: Trial): Promise<Outcome> {
  const { directory, seed } = trial;
  const traffic = await Traffic.open({ directory: join(directory, 'rots'), random: new Random(seed).fork(1) });
  try {
    const began = performance.now();
    let rounds = 0;
    while (rounds < trial.rounds && performance.now() < trial.endMs) {
      await traffic.round();
      trial.progress(++rounds, trial.rounds, `${traffic.noted.messages.size} messages acknowledged`);
    }
    const secondsOfKills = Math.round((performance.now() - began) / 1000);
    const { next, seen, again, gone, gaps, acks, wrong } = await traffic.end();
    const { noted, consumers, kills } = traffic;
    return {
      rounds,
      violations: acks > 0 ? wrong : [...wrong, 'no ack was answered: there was none to be lost'],
      controls: await controls(trial),
      facts: [
        ['seconds until the last kill', secondsOfKills],
        ['messages stored, each exactly once', next],
        ['pushes acknowledged over HTTP', noted.overHttp],
        ['pushes acknowledged over WebSockets', noted.pushes - noted.overHttp],
        ...[...noted.retries].sort().map(([code, count]): [string, number] => [`tried again after '${code}'`, count]),
        ['of these kept at an earlier try', noted.repeats],
        ...[...kills.counts].sort().map(([moment, count]): [string, number] => [`killed while ${moment}`, count]),
        ['kills of consumers', consumers.reduce((sum, { kills }) => sum + kills, 0) - CONSUMERS],
        [`messages that ${CONSUMERS} consumers had to get`, CONSUMERS * next],
        ['got', seen],
        ['told as gone, and never got', gone],
        ['got again after a kill', again],
        ['gaps told, each when so much was gone', gaps],
        ['acks answered, none of them undone', acks],
      ],
    };
  } finally {
    traffic.close();
  }
}

export const consumers: Proof = {
  about: `kill -9 of the server, and of ${CONSUMERS} consumers with cursors, while ${PRODUCERS} producers retry over HTTP and WebSockets`,
  round: 'kills of the server',
  rounds: 10,
  run: prove,
};
