// Measures the same requests over TLS, which the cache itself terminates.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCertificateFiles } from '@cistern/test-servers';
import type { ContenderKind } from '../contenders/contender.ts';
import { startNginx } from '../contenders/start-nginx.ts';
import { startOneCistern } from '../contenders/start-one-cistern.ts';
import { requestsOf, taggedManifest } from './requests.ts';
import { transferBlobs } from './transfer-blobs.ts';
import type { Workload } from './workload.ts';

const mebibyte = 1024 * 1024;

const secureCistern: ContenderKind = {
  name: 'cistern-tls',
  title: 'Cistern, one process',
  async start(site) {
    const directory = await mkdtemp(join(tmpdir(), 'cistern-tls-'));
    const { certFile, keyFile } = await makeCertificateFiles(directory);
    const http = { tls: { certificate: certFile, key: keyFile } };
    const server = await startOneCistern(site, { config: { http } });
    const close = async () => {
      await server.close();
      await rm(directory, { recursive: true });
    };
    return { ...server, close };
  },
};

const secureNginx: ContenderKind = {
  name: 'nginx-tls',
  title: 'nginx proxy_cache, one worker',
  start: ({ upstream }) => startNginx({ upstreamUrl: upstream.url, hasLog: true, isSecure: true }),
};

const contenders = [secureCistern, secureNginx];

export const secure: readonly Workload[] = [
  requestsOf({
    name: 'tls-by-tag',
    title: 'Manifests by tag over TLS',
    wanted: taggedManifest,
    contenders,
    mode: 'full',
  }),
  {
    name: 'tls-blob-64m',
    title: 'One blob of 64 MiB over TLS, 8 connections',
    headline: 'MB/s',
    mode: 'full',
    contenders,
    mostRounds: 3,
    run: (run) => transferBlobs(run, { blobs: 1, size: 64 * mebibyte, seed: 'warm', connections: 8 }),
  },
];
