// Defines how the cache authenticates its users. A run uses one of three methods: a network, a password, or a token of
// a token server.
import { createPrivateKey, sign } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { simulatedRoot } from '../../world/files/file-system.ts';
import { schedule } from '../../world/schedule.ts';
import type { Random } from '../../world/random.ts';
import { accessRules, type User } from './rights.ts';
import { createTimeline } from './timeline.ts';

export type LoginKind = 'networks' | 'passwords' | 'tokens';

export interface Logins {
  /** The sections of the configuration file. */
  readonly file: string;
  /** `scope` is the repository name that a token is for. */
  headersOf(user: User, scope: string): Readonly<Record<string, string>>;
  /**
   * `isKnown` is true if the user could authenticate at some time in the interval. `mayBeUnknown` is true if
   * authentication could fail at some time in it.
   */
  isKnown(user: User, fromMs: number, toMs: number): boolean;
  mayBeUnknown(user: User, fromMs: number, toMs: number): boolean;
  /** Must be called before the nodes start. */
  prepare(): Promise<void>;
  /** Removes ben from the file of users, or adds him again. */
  change(hasBen: boolean): Promise<void>;
  /** True if the credential of a caller is for a single repository. */
  readonly areScoped: boolean;
}

const networks: Readonly<Record<User, string>> = { ada: '10.1.0', ben: '10.2.0', eve: '10.3.0', mallory: '10.9.0' };

const usersPath = `${simulatedRoot}/htpasswd`;
/** bcrypt hashes of cost 4, because higher costs take too long for a run. */
const hashes = {
  ada: '$2b$04$6S3hP.HZmiMQkMgKEfY0s.MnZ1n8ch66ic.PmZrbIUnamme9rzgK6',
  ben: '$2b$04$Cfp8H9WFmK7lX//J0BMxf.0gIi0NXfbm2ijDZ6WV0WOUkAc/XXNbq',
  eve: '$2b$04$9P3hAV38eBedcWBunnS.7O0tAzWMYZFLq4IYEgWNq8nJeg7MOd/C.',
};
const passwords: Readonly<Record<User, string>> = { ada: 'a', ben: 'b', eve: 'e', mallory: 'm' };

const keysPath = `${simulatedRoot}/keys.json`;
/** The key of RFC 8037, appendix A. */
const publicKey = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' };
const key = createPrivateKey({
  key: { ...publicKey, d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A' },
  format: 'jwk',
});
/** Longer than the error of any node's clock. */
const longSeconds = 86_400;

const isKnown = (user: User) => user !== 'mallory';

/** Requests that arrive at the same time share one read of the file. */
const sharedReadMs = 1_000;

export function createLogins(kind: LoginKind, random: Random): Logins {
  const ben = createTimeline();
  const common: Logins = {
    file: accessRules(
      kind === 'networks' ? (user) => `networks: [${networks[user]}.0/24]` : (user) => `users: [${user}]`,
    ),
    headersOf: (user) => ({ 'x-forwarded-for': `${networks[user]}.${1 + random(200)}` }),
    isKnown: () => true,
    mayBeUnknown: () => false,
    async prepare() {},
    async change() {},
    areScoped: false,
  };
  if (kind === 'networks') return common;
  if (kind === 'tokens')
    return {
      ...common,
      file: `${common.file}
auth: { token: { realm: 'https://auth.example/token', service: cache, issuer: auth.example, jwks: ${keysPath} } }
`,
      headersOf: (user, scope) => ({ authorization: `Bearer ${tokenOf(user, scope)}` }),
      isKnown,
      mayBeUnknown: (user) => !isKnown(user),
      prepare: () => writeFile(keysPath, JSON.stringify({ keys: [{ ...publicKey, kid: 'one' }] })),
      areScoped: true,
    };
  return {
    ...common,
    file: `${common.file}
auth: { htpasswd: { realm: cache, path: ${usersPath} } }
`,
    headersOf: (user) => ({
      authorization: `Basic ${Buffer.from(`${user}:${passwords[user]}`).toString('base64')}`,
    }),
    isKnown: (user, fromMs, toMs) => isKnown(user) && (user !== 'ben' || ben.within(true, fromMs - sharedReadMs, toMs)),
    mayBeUnknown: (user, fromMs, toMs) =>
      !isKnown(user) || (user === 'ben' && ben.within(false, fromMs - sharedReadMs, toMs)),
    prepare: () => writeUsers(true),
    async change(hasBen) {
      const sinceMs = schedule.nowMs;
      await writeUsers(hasBen);
      ben.change(hasBen, sinceMs);
    },
  };
}

async function writeUsers(hasBen: boolean): Promise<void> {
  const lines = Object.entries(hashes).map(([user, hash]) => `${user}:${hash}\n`);
  await writeFile(`${usersPath}.new`, lines.filter((line) => hasBen || !line.startsWith('ben:')).join(''));
  await rename(`${usersPath}.new`, usersPath);
}

/** The token of mallory names ada as its subject and has a wrong signature. */
function tokenOf(user: User, scope: string): string {
  const isForged = user === 'mallory';
  const seconds = Math.floor(Date.now() / 1000);
  const text = `${encode({ alg: 'EdDSA', typ: 'JWT', kid: 'one' })}.${encode({
    iss: 'auth.example',
    aud: 'cache',
    sub: isForged ? 'ada' : user,
    exp: seconds + longSeconds,
    access: [
      { type: 'repository', name: scope, actions: ['pull'] },
      { type: 'registry', name: 'catalog', actions: ['*'] },
    ],
  })}`;
  const signature = sign(null, Buffer.from(text), key);
  if (isForged) signature[0]! ^= 1;
  return `${text}.${signature.toString('base64url')}`;
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
