// The test suite of every client with a login. It pulls with the right password or a job's token, and reports a wrong
// or missing one in its own words. The cache takes passwords with every request, or in exchange for an access token.
import { strict as assert } from 'node:assert';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { audience, type Issuer, openIssuer } from '@cistern/single-node/open-issuer';
import { bcryptHash } from '@cistern/test-servers';
import type { LoginClient } from './clients/client.ts';
import { type Rig, openRig } from './open-rig.ts';
import { testTag } from './test-images.ts';

/** How a cache takes passwords: with every request, or at `/token` for access tokens. */
type Way = 'passwords' | 'tokens';

interface Words {
  /** The message about a wrong password, at the login or, without one, at the pull. */
  readonly toWrong: RegExp;
  /** The message about a job whose token grants nothing. Default: the same. */
  readonly toJob?: RegExp;
  /** The message without a login. */
  readonly withoutLogin: RegExp;
}

export interface AccessSuite {
  readonly name: string;
  /** Debian's packages with the client. */
  readonly packages: readonly string[];
  open(rig: Rig): Promise<LoginClient>;
  /** Returns the client's name of an image of docker.io. */
  nameOf(rig: Rig, repository: string): string;
  /** The client's messages, for each way. */
  readonly messages: Readonly<Record<Way, Words>>;
}

const repository = 'library/multi';
const user = 'ada';
const password = 'pässword of ada';

/** Defines a suite for each way in which a cache takes passwords. */
export function describeAccess({ name, packages, open, nameOf, messages }: AccessSuite): void {
  for (const way of ['passwords', 'tokens'] as const)
    describe(`${name}, by ${way}`, () => {
      const { toWrong, toJob = toWrong, withoutLogin } = messages[way];
      const stack = new AsyncDisposableStack();
      after(() => stack.disposeAsync());
      let rig: Rig;
      let issuer: Issuer;

      before(async () => {
        issuer = await openIssuer({ after: (end) => stack.defer(async () => void (await end())) });
        const directory = await mkdtemp(join(tmpdir(), 'cistern-access-'));
        stack.defer(() => rm(directory, { recursive: true }));
        const path = join(directory, 'htpasswd');
        await writeFile(path, `${user}:${await bcryptHash(password)}\n`);
        const rules = [{ when: { repository: 'acme/*' }, pull: ['docker.io/library/*'] }];
        const auth = {
          htpasswd: { realm: 'The cache', path },
          oidc: { forge: { issuer: issuer.url, audience, rules } },
          ...(way === 'tokens' && { tokenserver: {} }),
        };
        rig = await openRig({ packages, auth });
        stack.defer(rig.close);
      });

      /** Runs an action with a client that is not logged in. */
      async function withClient(action: (client: LoginClient, reference: string) => Promise<void>): Promise<void> {
        const client = await open(rig);
        try {
          await action(client, `${nameOf(rig, repository)}:${testTag}`);
        } finally {
          await client.close();
        }
      }

      const pulls = (asUser: string, secret: () => Promise<string>) =>
        withClient(async (client, reference) => {
          await client.login(rig.cache, asUser, await secret());
          const digest = await rig.digestOf('docker.io', repository);
          assert.ok((await client.pull(reference)).includes(digest));
          const answered = rig.cacheRequests().filter(({ path }) => path === '/token').length;
          assert.equal(answered > 0, way === 'tokens', `${answered} requests for access tokens`);
        });

      test('pulls with the password of a user', () => pulls(user, async () => password));

      test("pulls with a job's token", () => pulls('job', () => issuer.token({ repository: 'acme/app' })));

      test('reports a wrong password', () =>
        withClient(async (client, reference) => {
          const tried = client.login(rig.cache, user, 'wrong').then(() => client.pull(reference));
          await assert.rejects(tried, toWrong);
        }));

      test('reports a token that grants nothing', () =>
        withClient(async (client, reference) => {
          const token = await issuer.token({ repository: 'evil/app' });
          const tried = client.login(rig.cache, 'job', token).then(() => client.pull(reference));
          await assert.rejects(tried, toJob);
        }));

      test('reports that a login is required', () =>
        withClient(async (client, reference) => {
          await assert.rejects(client.pull(reference), withoutLogin);
        }));
    });
}
