// All workloads, in the order in which they are run and shown.
import { blobs } from './blobs.ts';
import { coldClient } from './cold-client.ts';
import { coldHerds } from './cold-herds.ts';
import { indexGrowth } from './index-growth.ts';
import { requests } from './requests.ts';
import { s3Blobs } from './s3-blobs.ts';
import { s3Readers } from './s3-readers.ts';
import { start } from './start.ts';
import type { Workload } from './workload.ts';

export const workloads: readonly Workload[] = [
  start,
  ...requests,
  ...blobs,
  coldClient,
  ...coldHerds,
  ...s3Blobs,
  s3Readers,
  indexGrowth,
];
