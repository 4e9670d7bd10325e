/**
 * What named producers pushed, and whether the answers to its repetition can be explained by it.
 */
import { type Claim, producerOf, type Said } from './plan.js';

type Pushed = Extract<Said, { readonly is: 'pushing' | 'pushed' }>;

/** How a repeated push was answered. */
export interface Repeated {
  readonly claim: Claim;
  /** A code when it was refused. */
  readonly refused?: string;
  readonly duplicate?: boolean;
  /** The first id that it has. */
  readonly first?: number | null;
}

/** The pushes of one producer that are worth a repetition. */
interface Last {
  /** The last one that was acknowledged, and its first id. */
  readonly acknowledged: { readonly claim: Claim; readonly first: number } | undefined;
  /** Those that came after it, of which nothing is known. */
  readonly open: readonly Claim[];
}

/** The producers of one queue. */
export class Claims {
  readonly #last = new Map<string, Last>();

  /** Takes note of what a pusher said. */
  hear(said: Pushed): void {
    const { life, writer, queue, sequence, count, seq } = said;
    if (seq === undefined) return;
    const claim = { life, writer, queue, sequence, count, seq };
    const { acknowledged, open } = this.#last.get(producerOf(claim)) ?? { acknowledged: undefined, open: [] };
    const last =
      said.is === 'pushing'
        ? { acknowledged, open: [...open, claim] }
        : { acknowledged: { claim, first: said.first }, open: open.filter((one) => one.seq > seq) };
    this.#last.set(producerOf(claim), last);
  }

  /** What to push again: of each producer the last push that was acknowledged, then those that were not. */
  get worth(): Claim[] {
    return [...this.#last.values()].flatMap(({ acknowledged, open }) => [
      ...(acknowledged === undefined ? [] : [acknowledged.claim]),
      ...open,
    ]);
  }

  /** What is wrong with the answers, where the repetition of all that is worth it was asked for. */
  judge(repeated: readonly Repeated[]): string[] {
    const wrong = repeated.flatMap(({ claim, refused }) =>
      refused === undefined ? [] : [`${nameOf(claim)} is refused when it is repeated: ${refused}`],
    );
    for (const { acknowledged } of this.#last.values()) {
      if (acknowledged === undefined) continue;
      const { claim, first } = acknowledged;
      const answer = repeated.find((one) => producerOf(one.claim) === producerOf(claim) && one.claim.seq === claim.seq);
      if (answer === undefined) wrong.push(`${nameOf(claim)} was not pushed again`);
      else if (answer.refused !== undefined)
        wrong.push(`${nameOf(claim)}, acknowledged as id ${first}, is refused: ${answer.refused}`);
      else if (answer.duplicate !== true) wrong.push(`${nameOf(claim)}, acknowledged as id ${first}, is not known`);
      else if (answer.first !== first)
        wrong.push(`${nameOf(claim)}, acknowledged as id ${first}, is known as id ${answer.first}`);
    }
    return wrong;
  }

  /** What is found has been pushed again: nothing is open any more. */
  settle(): void {
    for (const [producer, last] of this.#last) this.#last.set(producer, { ...last, open: [] });
  }

  /** The same, unchanged by what comes later. */
  copy(): Claims {
    const copy = new Claims();
    for (const [producer, last] of this.#last) copy.#last.set(producer, last);
    return copy;
  }
}

const nameOf = (claim: Claim): string => `push ${claim.seq} of producer ${producerOf(claim)}`;
