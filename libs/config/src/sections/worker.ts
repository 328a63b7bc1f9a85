import type { z } from 'zod';
import { filePath, openSection, section, serverUrl, size, text, wholeNumber } from '../values/values.ts';
import { type KeyPair, readKeyPair, readNamedFile, readTcpAddress, type SectionContext } from './context.ts';

export const workerSection = section('Fetching from upstreams.', {
  addr: text('Where a worker of a cluster serves what it fetches to the frontends: `host:port` or `:port`.').prefault(
    ':5002',
  ),
  advertise: serverUrl({
    text: 'The URL at which the frontends reach this worker.',
    default: "made of the machine's host name and `addr`",
  }).optional(),
  tls: openSection('Speaking TLS between frontends and workers.', {
    certificate: filePath('PEM file of the certificate and its chain.'),
    key: filePath('PEM file of its private key.'),
    ca: filePath(
      'PEM file of the authorities of the nodes. With it frontends have to show a certificate too (mutual TLS), and show this one; without it they trust what the system trusts.',
    ).optional(),
  }).optional(),
  spool: section('Where bodies lie while they arrive.', {
    directory: filePath({
      text: 'The directory; it is created.',
      default: "the store's own; with S3 a temporary one",
    }).optional(),
    maxbytes: size(
      'All fetches together keep so much there at most, and no more than its file system has. A larger blob is there in parts. A store in a directory keeps the bodies itself.',
    ).prefault('20GiB'),
    perfill: size('One fetch keeps so much there at most.').prefault('1GiB'),
  }),
  rangefill: section('Ranges of blobs that are not cached yet, as lazy pullers ask for them.', {
    maxbytes: size(
      'A larger blob is not fetched whole because somebody asked for a small range of it: only the range is.',
    ).prefault('1GiB'),
  }),
  concurrency: wholeNumber('Fetches at the same time for waiting clients.', { min: 1, max: 10_000 }).prefault('32'),
});

interface WorkerTls extends KeyPair {
  /** In PEM, of the nodes' certificates, which then both sides have to show; `undefined`: only workers show one. */
  readonly ca: string | undefined;
}

export type WorkerConfig = Readonly<ReturnType<typeof buildWorker>>;

export function buildWorker(worker: z.output<typeof workerSection>, context: SectionContext) {
  const { addr, advertise, tls, spool, rangefill, concurrency } = worker;
  if (tls !== undefined && advertise?.startsWith('http:'))
    context.report('worker.advertise', 'must begin with https://, because worker.tls is given');
  return {
    /** Of the fill server. */
    address: readTcpAddress(context, 'worker.addr', addr),
    /** URL of the fill server for other nodes, without path; `undefined`: to be made of the host's name and the port. */
    advertise,
    tls: tls && tlsOf(tls, context),
    /** `directory`: `undefined` where the store wants it, so that a finished body becomes the blob by a rename. */
    spool: { directory: spool.directory, maxBytes: spool.maxbytes, perFillBytes: spool.perfill },
    /** Blobs larger than this are not fetched whole for the sake of a small range. */
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
