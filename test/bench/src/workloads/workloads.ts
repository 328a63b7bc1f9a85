// All workloads, in the order in which they run and are shown.
import { blobs } from './blobs.ts';
import { ciTrace } from './ci-trace.ts';
import { clients } from './clients.ts';
import { coldClient } from './cold-client.ts';
import { coldHerds } from './cold-herds.ts';
import { frontends } from './frontends.ts';
import { indexGrowth } from './index-growth.ts';
import { indexLarge } from './index-large.ts';
import { readBack } from './read-back.ts';
import { realClient } from './real-client.ts';
import { requests } from './requests.ts';
import { s3Blobs } from './s3-blobs.ts';
import { s3Readers } from './s3-readers.ts';
import { secure } from './secure.ts';
import { slowClients } from './slow-clients.ts';
import { start } from './start.ts';
import { striping } from './striping.ts';
import { unequalClients } from './unequal-clients.ts';
import { workers } from './workers.ts';
import type { Workload } from './workload.ts';

export const workloads: readonly Workload[] = [
  start,
  ...requests,
  ...blobs,
  unequalClients,
  coldClient,
  ...coldHerds,
  ...striping,
  ...s3Blobs,
  s3Readers,
  realClient,
  ciTrace,
  readBack,
  ...secure,
  slowClients,
  clients,
  ...frontends,
  workers,
  indexGrowth,
  indexLarge,
];
