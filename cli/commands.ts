/**
 * The one list of commands: what runs, what help shows, what completion offers.
 */
import type { CommandClass, Usage } from 'clipanion';
import { BenchCommand } from './commands/bench.js';
import { CheckCommand } from './commands/check.js';
import { CompletionCommand } from './commands/completion.js';
import { CreateCommand } from './commands/create.js';
import { MirrorCommand } from './commands/mirror.js';
import { PlanCommand } from './commands/plan.js';
import { PushCommand } from './commands/push.js';
import { ReadCommand } from './commands/read.js';
import { RemoveCommand } from './commands/remove.js';
import { ReplCommand } from './commands/repl.js';
import { ResizeCommand } from './commands/resize.js';
import { ServeCommand } from './commands/serve.js';
import { SnapshotCommand } from './commands/snapshot.js';
import { StatCommand } from './commands/stat.js';
import { TailCommand } from './commands/tail.js';
import { TokenCommand } from './commands/token.js';
import type { Context } from './context.js';

export type RoteraCommand = CommandClass<Context> & {
  readonly paths: string[][];
  /** The words behind the command's name, as help shows them. */
  readonly synopsis: string;
  readonly usage: Usage;
};

/** In the order of the help, by category. */
export const COMMANDS: readonly RoteraCommand[] = [
  ServeCommand,
  TokenCommand,
  CreateCommand,
  PushCommand,
  ReadCommand,
  TailCommand,
  StatCommand,
  MirrorCommand,
  ReplCommand,
  CheckCommand,
  SnapshotCommand,
  ResizeCommand,
  RemoveCommand,
  PlanCommand,
  BenchCommand,
  CompletionCommand,
];

export const nameOf = (command: RoteraCommand): string => (command.paths[0] as string[]).join(' ');

export const findCommand = (name: string | undefined): RoteraCommand | undefined =>
  COMMANDS.find((command) => nameOf(command) === name);
