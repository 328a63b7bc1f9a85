// Lists seeds that failed in the past, with the bug that each of them found. They run in every test run.
import type { NamedKinds } from './fault-plan.ts';

export interface CorpusEntry {
  readonly seed: number;
  /** Kinds as `--faults` names them. */
  readonly named?: NamedKinds;
  readonly found: string;
}

export const corpus: Readonly<Record<string, readonly CorpusEntry[]>> = {
  blobs: [
    {
      seed: 339,
      found: 'a file that could be neither written nor closed gave a reader an error that was not a CacheError',
    },
    { seed: 3103, found: 'a reader behind the window waited forever for an abandoned store' },
    { seed: 11501, found: 'a body that had stopped before a refused range was used for that range and was too short' },
    { seed: 10_847, found: 'a range that was fetched before the whole blob was counted as a second fetch' },
  ],
  'blobs-on-s3': [
    { seed: 1_796_055_904_036, found: 'the simulated S3 continued a slow response to a disconnected client' },
    { seed: 2050, found: 'a reader of a range waited forever after the upstream had broken off another range' },
    { seed: 1_796_283_907_028, found: 'a reader of a withheld small blob kept the only segment of the spool forever' },
    {
      seed: 1_796_290_000_951,
      found: 'the run expected a worker to notice a lost record while the index was unavailable',
    },
    { seed: 326, found: 'a verified fill continued its commit for a minute after another worker had taken it over' },
  ],
  'blobs-in-files': [
    { seed: 993, found: 'a file whose directory could not be synced was never adopted' },
    {
      seed: 1_796_066_093_039,
      found: 'a file that was damaged between two attempts at its commit was counted as a failed commit',
    },
    { seed: 12_330, found: 'a commit was attributed to a former owner: its claim was lost between two checks' },
  ],
  manifests: [
    { seed: 1_796_089_994_005, found: 'the run checked for leftovers while a fill closed its file' },
    {
      seed: 1_796_089_994_514,
      found: 'the run expected a record of a blob that was truncated to zero bytes in the store',
    },
    {
      seed: 509,
      named: ['unreadable objects'],
      found: 'a tag whose own object could not be read was answered with 503',
    },
    { seed: 22_500_020, found: 'a blob that did not fit into the store was removed before its reader opened it' },
    { seed: 22_000_458, found: 'a circuit breaker stayed open while the clock was behind' },
    { seed: 25_001_123, found: 'a body that broke with its worker’s network was not handed to another worker' },
  ],
};
