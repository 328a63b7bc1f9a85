// Pulls as a CI fleet makes them: few images often, many seldom (Zipf), and images that are built anew now and then.
import type { Random } from '@cistern/end-to-end/random';
import { parseRepositoryName, parseReference, type Reference, type RepositoryName } from '@cistern/oci';

export interface Image {
  readonly repository: RepositoryName;
  readonly tag: string;
  readonly reference: Reference;
  /** How long its tag stays where it is, on average; Infinity: for ever. */
  readonly staysMs: number;
}

const hourMs = 3_600_000;
/** Of every three tags: a version, which stays, a branch and a nightly build. */
const kinds = [
  { tag: '1.2.3', staysMs: Infinity },
  { tag: '1.2', staysMs: 24 * hourMs },
  { tag: 'latest', staysMs: 8 * hourMs },
];

export function createImages(count: number): readonly Image[] {
  return Array.from({ length: count }, (_, at) => {
    const kind = kinds[at % kinds.length]!;
    const repository = parseRepositoryName(`library/image-${Math.floor(at / kinds.length)}`);
    return { ...kind, repository, reference: parseReference(kind.tag) };
  });
}

/** From 0 up to 1. */
export function fraction(random: Random): number {
  return random.between(0, 2 ** 30 - 1) / 2 ** 30;
}

/** Chooses the item at rank n with a probability in proportion to 1/n. */
export function createZipf<T>(items: readonly T[], random: Random): () => T {
  let sum = 0;
  const bounds = items.map((_, at) => (sum += 1 / (at + 1)));
  return () => {
    const wanted = fraction(random) * sum;
    return items[bounds.findIndex((bound) => bound > wanted)] ?? items[0]!;
  };
}

/** Whether something that happens every `meanMs` on average happens within `stepMs`. */
export function happens(stepMs: number, meanMs: number, random: Random): boolean {
  return fraction(random) < 1 - Math.exp(-stepMs / meanMs);
}
