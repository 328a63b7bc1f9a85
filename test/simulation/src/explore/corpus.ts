// Seeds that once failed, with what they found. They run always.
import type { NamedKinds } from './fault-plan.ts';

export interface CorpusEntry {
  readonly seed: number;
  /** As `--faults` names them. */
  readonly named?: NamedKinds;
  readonly found: string;
}

export const corpus: Readonly<Record<string, readonly CorpusEntry[]>> = {
  blobs: [
    {
      seed: 339,
      found: 'a file that could be neither written nor closed gave a reader an error that is no CacheError',
    },
    { seed: 3103, found: 'a reader behind the window waited for ever for a store that had been given up' },
    { seed: 11501, found: 'a body that had stopped before a refused range was to bring that range, and was too short' },
    { seed: 10_847, found: 'a range that was fetched before the whole blob counted as a second fetch' },
  ],
  'blobs-on-s3': [
    { seed: 1_796_055_904_036, found: 'the simulated S3 went on with a slow answer to a client that was gone' },
    { seed: 2050, found: 'a reader of a range waited for ever after upstream had broken another one off' },
    { seed: 326, found: 'a verified fill went on committing for a minute after another worker had taken it over' },
  ],
  'blobs-in-files': [
    { seed: 993, found: 'a file whose directory could not be synced was never adopted' },
    {
      seed: 1_796_066_093_039,
      found: 'a file that was damaged between two tries of its commit counted as a failed commit',
    },
    { seed: 12_330, found: 'a commit counted as one of a former owner: its claim was lost between two looks' },
  ],
  manifests: [
    { seed: 1_796_089_994_005, found: 'the run looked for leftovers while a fill closed its file' },
    { seed: 1_796_089_994_514, found: 'the run expected a record of a blob that was cut to nothing in the store' },
    { seed: 509, named: ['unreadable objects'], found: 'a tag whose own object could not be read was 503' },
    { seed: 22_500_020, found: 'a blob without room in the store was gone before its reader opened it' },
    { seed: 22_000_458, found: 'a circuit breaker stayed open while the clock was behind' },
    { seed: 25_001_123, found: 'a body that broke with its worker’s network was not handed on' },
  ],
};
