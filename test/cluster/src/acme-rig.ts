// A cluster of two frontends that gets its certificate from pebble, and clients that pull from both frontends
// continuously.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:tls';
import type { Owner } from '@cistern/single-node/open-stage';
import { sendRequest } from '@cistern/single-node/send-request';
import { until } from '@cistern/single-node/until';
import { startFakeUpstream } from '@cistern/fake-upstream';
import { digestOf } from '@cistern/oci';
import {
  type Cluster,
  freePort,
  type Pebble,
  type Redis,
  type S3,
  startCluster,
  startPebble,
} from '@cistern/test-servers';
import { openTurnstile } from './open-turnstile.ts';

export interface AcmeRigOptions {
  readonly servers: { readonly redis: Redis; readonly s3: S3 };
  readonly validForSeconds?: number;
  /** The frontends are isolated: they reach neither pebble nor the upstream. */
  readonly isolateFrontends?: boolean;
  /** Returns `http.tls` and the other settings of `http` that it needs. */
  http(rig: { readonly pebble: Pebble; readonly httpPort: number }): Readonly<Record<string, unknown>>;
}

export interface AcmeRig {
  readonly pebble: Pebble;
  readonly cluster: Cluster;
  /** Waits until both frontends serve the same certificate, different from `before`. Resolves with its fingerprint. */
  served(before?: string): Promise<string>;
  /** The names in the certificate that the frontends serve. */
  names(): Promise<string>;
  pull(): PullingByTls;
}

interface PullingByTls {
  /** Lets running requests end. Rejects with the failures if there are any. Resolves with the number of requests. */
  stop(): Promise<number>;
}

const insecure = { rejectUnauthorized: false };

export async function openAcmeRig(owner: Owner, options: AcmeRigOptions): Promise<AcmeRig> {
  const { servers, validForSeconds = 3600, isolateFrontends = false } = options;
  const upstream = await startFakeUpstream();
  owner.after(() => upstream.close());
  const image = upstream.addImage('library/app', { tag: 'latest', layers: [{ size: 300_000, seed: 'a layer' }] });
  const [turnstile, httpPort] = [await openTurnstile(owner), await freePort()];
  const pebble = await startPebble({ httpPort, tlsPort: turnstile.port, validForSeconds });
  owner.after(() => pebble.close());
  const cluster = await startCluster({
    ...servers,
    frontends: 2,
    upstreams: { 'docker.io': upstream.url },
    isolateFrontends,
    env: { NODE_EXTRA_CA_CERTS: pebble.caFile },
    config: { http: options.http({ pebble, httpPort }) },
  });
  owner.after(() => cluster.close());
  const ports = cluster.frontends.map(({ port }) => port);
  turnstile.forwardTo(ports);

  async function served(before = ''): Promise<string> {
    let found: readonly (string | undefined)[] = [];
    const arrived = async () => {
      found = await Promise.all(
        ports.map((port) =>
          certificateAt(port).then(
            (one) => one.fingerprint,
            () => undefined,
          ),
        ),
      );
      return found[0] !== undefined && found.every((one) => one === found[0]) && found[0] !== before;
    };
    await until('both frontends serve a new certificate', arrived, 180_000);
    return found[0] ?? assert.fail();
  }

  function pull(): PullingByTls {
    const failures: string[] = [];
    let requests = 0;
    let stopped = false;
    const [layer] = image.layers;
    const paths = [
      [`manifests/latest`, image.digest],
      [`blobs/${layer?.digest}`, layer?.digest],
    ] as const;
    const send = async (number: number) => {
      const [path, digest] = paths[number % paths.length] ?? assert.fail();
      const url = `https://127.0.0.1:${ports[Math.floor(number / 2) % ports.length]}/v2/library/app/${path}`;
      try {
        const { status, body } = await sendRequest(url, { tls: insecure });
        if (status !== 200 || digestOf(body) !== digest) failures.push(`${url}: ${status}`);
      } catch (error) {
        failures.push(`${url}: ${(error as Error).message}`);
      }
      requests += 1;
    };
    const client = async (first: number) => {
      for (let number = first; !stopped; number += 1) await send(number);
    };
    const running = Promise.all([client(0), client(1), client(2)]);
    return {
      async stop() {
        stopped = true;
        await running;
        assert.deepEqual(failures, []);
        return requests;
      },
    };
  }

  const names = async () => (await certificateAt(ports[0] ?? 0)).names;
  return { pebble, cluster, served, names, pull };
}

async function certificateAt(port: number): Promise<{ readonly fingerprint: string; readonly names: string }> {
  const socket = connect({ host: '127.0.0.1', port, ...insecure });
  await once(socket, 'secureConnect');
  const { fingerprint256: fingerprint, subjectaltname: names = '' } = socket.getPeerCertificate();
  socket.destroy();
  return { fingerprint, names };
}
