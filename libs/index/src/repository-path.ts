// A repository with its upstream as one string: what the index orders and pages by.
import type { RepositoryName } from '@cistern/oci';
import type { Link, RepositoryKey } from './links.ts';

/** `<upstream>/<repository>`; an upstream's name never holds a slash. */
export function repositoryPath({ upstream, repository }: RepositoryKey): string {
  return `${upstream}/${repository}`;
}

/** The reverse of `repositoryPath`, for paths it has made. */
export function repositoryKeyOf(path: string): RepositoryKey {
  const slash = path.indexOf('/');
  return { upstream: path.slice(0, slash), repository: path.slice(slash + 1) as RepositoryName };
}

export function isSameRepository(a: RepositoryKey, b: RepositoryKey): boolean {
  return a.upstream === b.upstream && a.repository === b.repository;
}

/** Throws `TypeError` if a link is not of the repository it is put under. */
export function checkLinksOf(key: RepositoryKey, links: readonly Link[]): void {
  const stray = links.find((link) => repositoryPath(link) !== repositoryPath(key));
  if (stray) throw new TypeError(`a link of ${repositoryPath(stray)} was put under ${repositoryPath(key)}`);
}
