// The test suite of every client on an upstream that verifies callers. Only accounts with access can pull a private
// image, although it is cached. Public images need no login.
import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startDockerRegistry } from '@cistern/test-servers';
import type { Client } from './clients/client.ts';
import { type Rig, openRig } from './open-rig.ts';
import { ensureTestImages, testTag } from './test-images.ts';

export interface PrivateSuite<C extends Client> {
  readonly name: string;
  /** Debian's packages with the client. */
  readonly packages: readonly string[];
  open(rig: Rig): Promise<C>;
  /** Logs in as a user of the private upstream, docker.io. */
  login(client: C, rig: Rig, user: string, password: string): Promise<void>;
  /**
   * Return the client's name of an image of docker.io and of quay.io. A client that mirrors only Docker Hub has no
   * second one.
   */
  nameOf(rig: Rig, repository: string): string;
  sharedNameOf?(rig: Rig, repository: string): string;
  /** The client's message about a wrong or missing password. */
  readonly refusal: RegExp;
}

const repository = 'library/multi';
const account = { username: 'ada', password: 'password-of-ada' };

export function describePrivate<C extends Client>(suite: PrivateSuite<C>): void {
  const { name, packages, open, login, nameOf, sharedNameOf, refusal } = suite;
  describe(`${name}, before an upstream that verifies callers`, () => {
    const stack = new AsyncDisposableStack();
    after(() => stack.disposeAsync());
    let rig: Rig;

    before(async () => {
      const rootDirectory = join(await ensureTestImages(), 'docker.io');
      const registry = await startDockerRegistry({ rootDirectory, auth: account });
      stack.defer(() => registry.close());
      rig = await openRig({ packages, upstream: { url: registry.url, ...account, access: 'verify' } });
      stack.defer(rig.close);
    });

    /** Runs an action with a client that is not logged in. */
    async function withClient<T>(action: (client: C) => Promise<T>): Promise<T> {
      const client = await open(rig);
      try {
        return await action(client);
      } finally {
        await client.close();
      }
    }

    const privateName = () => `${nameOf(rig, repository)}:${testTag}`;

    test('an account with access pulls', () =>
      withClient(async (client) => {
        await login(client, rig, account.username, account.password);
        const digests = await client.pull(privateName());
        assert.ok(digests.includes(await rig.digestOf('docker.io', repository)));
        assert.ok(rig.cacheRequests().some(({ path, status }) => path.includes('/blobs/') && status === 200));
      }));

    test('a wrong password gets no cached content', () =>
      withClient(async (client) => {
        const tried = login(client, rig, account.username, 'wrong').then(() => client.pull(privateName()));
        await assert.rejects(tried, refusal);
      }));

    test('a client without a login gets no cached content', () =>
      withClient(async (client) => {
        await assert.rejects(client.pull(privateName()), refusal);
      }));

    if (sharedNameOf === undefined) return;
    test('public content needs no login', () =>
      withClient(async (client) => {
        const digests = await client.pull(`${sharedNameOf(rig, repository)}:${testTag}`);
        assert.ok(digests.includes(await rig.digestOf('quay.io', repository)));
      }));
  });
}
