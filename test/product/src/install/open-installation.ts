// A clean Debian machine on which a test installs Cistern as a new user would, and an upstream registry for it.
import assert from 'node:assert/strict';
import { type FakeUpstream, startFakeUpstream } from '@cistern/fake-upstream';
import { hostAddress } from '@cistern/test-clients/sandbox';
import type { DebianArchive } from '../ensure-debian-base.ts';
import { type DebianMachine, openDebianMachine } from './open-debian-machine.ts';

export interface Installation {
  readonly machine: DebianMachine;
  readonly upstream: FakeUpstream;
  /** The upstream in Cistern's variables. */
  readonly variables: string;
  /** The upstream in Cistern's configuration file. */
  readonly configuration: string;
  /** Pulls an image of the default upstream. Fails unless the client gets it. */
  pull(): Promise<void>;
  /** Pulls again while the upstream refuses connections. */
  pullWarm(): Promise<void>;
  close(): Promise<void>;
}

/** The caller closes it. */
export async function openInstallation(archive: DebianArchive): Promise<Installation> {
  const upstream = await startFakeUpstream();
  const machine = await openDebianMachine(archive).catch(async (error: unknown) => {
    await upstream.close();
    throw error;
  });
  const { digest } = upstream.addImage('library/app', { tag: '1', layers: [{ size: 5_000_000, seed: 1 }] });
  const url = `http://${hostAddress}:${new URL(upstream.url).port}`;
  async function pull(): Promise<void> {
    assert.ok((await machine.pull('library/app:1')).includes(digest));
  }
  return {
    machine,
    upstream,
    variables: `REGISTRY_PROXY_REMOTEURL=${url}`,
    configuration: `proxy:\n  remoteurl: ${url}\n`,
    pull,
    async pullWarm() {
      await upstream.refuseConnections();
      await pull();
      await upstream.acceptConnections();
    },
    async close() {
      await machine.close();
      await upstream.close();
    },
  };
}
