import type { RepositoryKey } from '@cistern/index';

/** For messages and keys of this process. */
export function repositoryPath({ upstream, repository }: RepositoryKey): string {
  return `${upstream}/${repository}`;
}
