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

/** Rounds with something wrong, until it shows. */
async function control(name: string, options: TrafficOptions, sees: RegExp): Promise<Control> {
  const traffic = await Traffic.open(options);
  try {
    for (let i = 0; i < CONTROL_ROUNDS; i++) await traffic.round();
    return { name, caught: (await traffic.end()).wrong.find((text) => sees.test(text)) };
  } finally {
    traffic.close();
  }
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
    const { next, seen, again, gone, wrong } = await traffic.end();
    const { noted, consumers, kills } = traffic;
    const random = new Random(seed).fork(2);
    return {
      rounds,
      violations: wrong,
      controls: [
        await control(
          'producers without names',
          { directory: join(directory, 'nameless'), random, isNameless: true },
          /are stored/,
        ),
        await control(
          'acknowledged before it is dealt with',
          { directory: join(directory, 'early'), random, acknowledgesEarly: true },
          /never got/,
        ),
      ],
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
