// Images as a CI fleet pulls them: some stay, and some are rebuilt now and then.
import { parseRepositoryName, parseReference, type Reference, type RepositoryName } from '@cistern/oci';

export interface Image {
  readonly repository: RepositoryName;
  readonly tag: string;
  readonly reference: Reference;
  /** The average time until the tag moves. Infinity means that it never moves. */
  readonly staysMs: number;
}

const hourMs = 3_600_000;
/** Three tags in rotation: a version, which stays, a branch and a nightly build. */
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
