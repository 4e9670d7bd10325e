/**
 * The words of the REPL: the one list that help, completion and dispatch come from.
 */
import { RoteraError } from '../../src/errors.js';
import { FROM_ACCEPTED, parseFrom } from '../../src/from.js';
import { CreateCommand } from '../commands/create.js';
import { ReadCommand } from '../commands/read.js';
import { type Hints, hasPerson } from '../context.js';
import { parseCount } from '../numbers.js';
import { wrap } from '../paragraph.js';
import { report } from '../report.js';
import { countedText } from '../units.js';
import type { Session } from './session.js';
import { splitWords } from './split-words.js';

interface Word {
  /** The first is shown; the others mean the same. */
  readonly names: readonly string[];
  readonly synopsis: string;
  readonly description: string;
  /** What may stand behind it. */
  readonly offers?: (session: Session) => Promise<readonly string[]> | readonly string[];
  /** @param rest what stands behind the word, as it was typed @throws RoteraError for what cannot be understood */
  readonly run: (session: Session, rest: string) => Promise<void> | void;
}

const queueNames = (session: Session): Promise<string[]> => session.queueNames();
const places = (): string[] => ['oldest', 'next', '-10', '10m'];
const clearScreen = '\u001b[H\u001b[2J\u001b[3J';

export const WORDS: readonly Word[] = [
  {
    names: ['queue'],
    synopsis: '[NAME]',
    description: 'choose a queue; without a name, list them',
    offers: queueNames,
    run: async (session, rest) => {
      if (rest === '') await session.run(['stat']);
      else {
        const { oldest, next, count } = await session.client.stat(rest, { retryMs: 0 });
        session.select(rest);
        session.say(`${rest}: ${countedText(count, 'message')}, ids ${oldest} to ${next} (exclusive)`);
      }
    },
  },
  {
    names: ['create'],
    synopsis: 'NAME [OPTION ...]',
    description: 'make a queue and choose it; :create --help tells the options',
    offers: () => ['--max-messages', '--max-bytes', '--max-age', '--max-message-bytes', '--no-reserve'],
    run: async (session, rest) => {
      const words = splitWords(rest);
      if (words.length === 0) {
        session.complain('Make which queue? :create NAME');
        return;
      }
      const { exitCode, command } = await session.run(['create', ...words]);
      if (exitCode !== 0 || !(command instanceof CreateCommand)) return;
      // A file is made for another server.
      if (command.queue !== undefined) session.select(command.queue);
    },
  },
  {
    names: ['push'],
    synopsis: 'TEXT',
    description: 'push the rest of the line as one message',
    run: async (session, rest) => {
      if (rest === '') session.complain('Push what? :push TEXT');
      else await onQueue(session, (queue) => session.run(['push', queue, `--message=${rest}`]));
    },
  },
  {
    names: ['read'],
    synopsis: '',
    description: 'print the next batch of messages',
    run: (session) => read(session, session.batch),
  },
  {
    names: ['read-batch'],
    synopsis: 'N',
    description: 'print the next N messages',
    run: (session, rest) => read(session, parseMost(':read-batch', rest)),
  },
  {
    names: ['from'],
    synopsis: 'PLACE',
    description: 'where the next :read begins',
    offers: places,
    run: (session, rest) => {
      parseFrom(rest);
      session.place = rest;
    },
  },
  {
    names: ['tail'],
    synopsis: '[PLACE]',
    description: 'print messages as they come; Ctrl-C ends it, in a script the end of the queue',
    offers: places,
    run: (session, rest) => {
      const from = rest === '' ? [] : [`--from=${rest}`];
      // Nobody could end it in a script, and the words behind it would never run.
      const follow = hasPerson(session.context) ? '--follow' : '--no-follow';
      const options = [...from, follow, `--format=${format(session)}`];
      return onQueue(session, (queue) => session.run(['tail', queue, ...options]));
    },
  },
  {
    names: ['stat'],
    synopsis: '[NAME]',
    description: 'show how the queue stands',
    offers: queueNames,
    run: async (session, rest) => {
      const queue = rest === '' ? session.queue : rest;
      await session.run(queue === undefined ? ['stat'] : ['stat', queue]);
    },
  },
  {
    names: ['ping'],
    synopsis: '',
    description: 'ask whether the server is alive, and for the next id',
    run: async (session) => {
      const started = performance.now();
      const stat = await session.client.list({ retryMs: 0 });
      const took = `${(performance.now() - started).toFixed(1)} ms`;
      const queue = stat.queues.find((one) => one.queue === session.queue);
      const next = queue !== undefined && 'next' in queue ? ` Next message is ${queue.next}.` : '';
      session.say(`Server is alive (${took}).${next}`);
    },
  },
  {
    names: ['batch'],
    synopsis: 'N',
    description: 'how many messages :read prints',
    run: (session, rest) => {
      session.batch = parseMost(':batch', rest);
    },
  },
  {
    names: ['print-ids'],
    synopsis: 'on|off',
    description: 'whether ids are printed in front of messages',
    offers: () => ['on', 'off'],
    run: (session, rest) => {
      if (rest === 'on' || rest === 'off') session.printIds = rest === 'on';
      else session.complain(':print-ids on, or :print-ids off');
    },
  },
  {
    names: ['current'],
    synopsis: '',
    description: 'show the settings',
    run: (session) => {
      session.say(`server     ${session.client.url}`);
      session.say(`queue      ${session.queue ?? 'none chosen'}`);
      session.say(`from       ${session.place}`);
      session.say(`batch      ${session.batch}`);
      session.say(`print-ids  ${session.printIds ? 'on' : 'off'}`);
    },
  },
  {
    names: ['clear', 'cls'],
    synopsis: '',
    description: 'clear the screen',
    run: (session) => {
      session.context.stdout.write(clearScreen);
    },
  },
  { names: ['help', 'h'], synopsis: '', description: 'this', run: (session) => session.say(helpText()) },
  {
    names: ['quit', 'q'],
    synopsis: '',
    description: 'leave; so does Ctrl-D',
    run: (session) => {
      session.isOver = true;
    },
  },
];

/** How many messages to print: at least one. @throws `bad_parameter` */
function parseMost(word: string, text: string): number {
  const count = parseCount(word, text);
  if (count > 0) return count;
  const accepted = 'a whole number from 1';
  throw new RoteraError('bad_parameter', `${word} ${text} prints nothing; accepted: ${accepted}.`, {
    value: text,
    accepted,
  });
}

const format = ({ printIds }: Session): string => (printIds ? 'ids' : 'raw');

async function onQueue(session: Session, run: (queue: string) => Promise<unknown>): Promise<void> {
  if (session.queue === undefined) session.complain('No queue is chosen: :queue lists them, :queue NAME chooses one.');
  else await run(session.queue);
}

/** Reads on from the place, and moves it. */
function read(session: Session, count: number): Promise<void> {
  return onQueue(session, async (queue) => {
    const words = [queue, `--from=${session.place}`, `--limit=${count}`, `--format=${format(session)}`];
    const { exitCode, command } = await session.run(['read', ...words]);
    if (exitCode !== 0 || !(command instanceof ReadCommand) || command.next === undefined) return;
    if (String(command.next) === session.place) session.say('(nothing more; :from sets where to read)');
    session.place = String(command.next);
  });
}

/** What to do about errors, in words of the REPL. */
export const REPL_HINTS: Hints = {
  queue_not_found: ':create NAME makes it; :queue lists what is there.',
  unreachable: 'Start a server with "rotera serve"; each word tries again.',
  not_rotera: 'Leave, and name the server with --url or ROTERA_URL.',
};

/** A word by its name, with or without the colon. */
export const findWord = (name: string): Word | undefined =>
  WORDS.find(({ names }) => names.includes(name.replace(/^:/, '')));

function helpText(): string {
  const rows = WORDS.map(({ names, synopsis, description }) => {
    const left = `${names.map((name) => `:${name}`).join(', ')} ${synopsis}`.trimEnd();
    return `  ${left.padEnd(26)} ${description}`;
  });
  return [
    ...rows,
    '',
    ...wrap(`A PLACE is ${FROM_ACCEPTED}.`, 78),
    'Tab completes words and names; arrows bring back earlier lines.',
  ].join('\n');
}

/** Runs one line. Nothing is thrown. */
export async function runLine(session: Session, line: string): Promise<void> {
  const [, name = '', rest = ''] = /^\s*(\S*)\s?(.*)$/s.exec(line) ?? [];
  if (name === '') return;
  const word = findWord(name);
  if (word === undefined) {
    session.complain(`There is no word ${name}; :help shows all. To push a message: :push TEXT`);
    return;
  }
  try {
    await word.run(session, word.names[0] === 'push' ? rest : rest.trim());
  } catch (error) {
    const { stderr, env, hints } = session.context;
    session.exitCode = report(error, { stderr, env, hints, json: false });
  }
}

/** What a line may go on with, and the part of it that is completed, as readline wants it. */
export async function completeLine(session: Session, line: string): Promise<[candidates: string[], typed: string]> {
  const typed = /\S*$/.exec(line)?.[0] ?? '';
  const before = line.slice(0, line.length - typed.length).trim();
  const offers =
    before === ''
      ? WORDS.flatMap(({ names }) => names.map((name) => `:${name}`))
      : ((await findWord(before.split(/\s+/)[0] as string)?.offers?.(session)) ?? []);
  const wanted = before === '' && typed !== '' && !typed.startsWith(':') ? `:${typed}` : typed;
  const found = offers.filter((offer) => offer.startsWith(wanted));
  return [found.map((one) => `${one} `), typed];
}
