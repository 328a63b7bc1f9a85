import type { z } from 'zod';
import { filePath, openSection, section, serverUrl, size, text, wholeNumber } from '../values/values.ts';
import { type KeyPair, readKeyPair, readNamedFile, readTcpAddress, type SectionContext } from './context.ts';

export const workerSection = section('The workers, which fetch from upstreams.', {
  addr: text(
    'The address where a worker of a cluster serves its fetches to frontends: `host:port` or `:port`.',
  ).prefault(':5002'),
  advertise: serverUrl({
    text: 'The URL of this worker for frontends.',
    default: "the machine's host name and the port of `addr`",
  }).optional(),
  tls: openSection('TLS between frontends and workers.', {
    certificate: filePath('PEM file of the certificate and its chain.'),
    key: filePath('PEM file of its private key.'),
    ca: filePath(
      "PEM file of the CA certificates of the nodes. With it frontends must also send a certificate (mutual TLS), and use this one. Without it they trust the system's authorities.",
    ).optional(),
  }).optional(),
  spool: section('The spool: temporary files for bodies while they arrive.', {
    directory: filePath({
      text: 'The directory. It is created.',
      default: "the store's directory; with S3 a temporary one",
    }).optional(),
    maxbytes: size(
      'The maximum space of all fetches together, also limited by the file system. A larger blob is spooled in parts. A filesystem store keeps the bodies itself.',
    ).prefault('20GiB'),
    perfill: size('The maximum space of one fetch. A larger blob is spooled in parts.').prefault('1GiB'),
  }),
  rangefill: section('Ranges of blobs that are not cached yet, as lazy-pulling clients request them.', {
    maxbytes: size(
      'The maximum size of a blob that is fetched completely for a request of a small range. If the blob is larger, only the range is fetched.',
    ).prefault('1GiB'),
  }),
  concurrency: wholeNumber('The maximum number of concurrent fetches for waiting clients.', {
    min: 1,
    max: 10_000,
  }).prefault('32'),
});

interface WorkerTls extends KeyPair {
  /**
   * The CA certificates of the nodes, in PEM. If set, frontends and workers must both send a certificate. `undefined`
   * means that only workers send a certificate.
   */
  readonly ca: string | undefined;
}

export type WorkerConfig = Readonly<ReturnType<typeof buildWorker>>;

export function buildWorker(worker: z.output<typeof workerSection>, context: SectionContext) {
  const { addr, advertise, tls, spool, rangefill, concurrency } = worker;
  if (tls !== undefined && advertise?.startsWith('http:'))
    context.report('worker.advertise', 'must begin with https://, because worker.tls is given');
  return {
    /** The address where the worker serves its fills to other nodes. */
    address: readTcpAddress(context, 'worker.addr', addr),
    /**
     * The URL of `address` for other nodes, without a path. `undefined` means the machine's host name and the port of
     * `address`.
     */
    advertise,
    tls: tls && tlsOf(tls, context),
    /**
     * `directory` is `undefined` if the store chooses it. A filesystem store chooses a directory on its own file
     * system, so that a rename turns a finished body into the stored blob.
     */
    spool: { directory: spool.directory, maxBytes: spool.maxbytes, perFillBytes: spool.perfill },
    /** A larger blob is not fetched completely for a request of a small range. */
    maxWholeForRangeBytes: rangefill.maxbytes,
    concurrency,
  };
}

function tlsOf(
  { certificate, key, ca }: NonNullable<z.output<typeof workerSection>['tls']>,
  context: SectionContext,
): WorkerTls | undefined {
  const pair = readKeyPair(context, 'worker.tls', { certificate, key });
  const authorities = readNamedFile(context, 'worker.tls.ca', ca);
  return pair && { ...pair, ca: authorities };
}
