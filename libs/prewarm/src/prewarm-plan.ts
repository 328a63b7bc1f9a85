// What a configuration wants to be here before anybody asks for it.
import type { RepositoryName } from '@cistern/oci';

export interface PrewarmPlan {
  /** How many of the most popular tags are kept warm; 0: none. */
  readonly top: number;
  readonly images: readonly PrewarmImage[];
  /** For what nobody waits for, of each worker; Infinity: as fast as it comes. */
  readonly bytesPerSecond: number;
}

export interface PrewarmImage {
  readonly upstream: string;
  readonly repository: RepositoryName;
  /** Tags, or patterns of tags as a shell has them. */
  readonly tags: readonly string[];
  /** As `platformName` has them; empty: those that are pulled. */
  readonly platforms: readonly string[];
  /** How often: every so many milliseconds, or by a cron expression, in UTC. */
  readonly when: { readonly everyMs: number } | { readonly cron: string };
}
