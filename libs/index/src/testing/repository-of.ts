import { parseRepositoryName } from '@cistern/oci';
import type { RepositoryKey } from '../links.ts';

export function repositoryOf(upstream: string, name: string): RepositoryKey {
  return { upstream, repository: parseRepositoryName(name) };
}
