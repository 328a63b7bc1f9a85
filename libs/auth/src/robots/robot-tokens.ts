// Manages tokens for machines: `cistern_<id>_<secret>`. The store has a record of each token with a hash of its secret.
// A reader of the record can verify the token but cannot log in with the record. A plain hash is enough, because the
// secret is 256 random bits. A record is written only once, and is removed to revoke the token.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import {
  type BlobStore,
  parseRobotKey,
  robotKey,
  robotsPrefix,
  type ObjectStore,
  sealObjects,
} from '@cistern/blob-store';
import type { Config } from '@cistern/config';
import { CacheError } from '@cistern/errors';

/** The stored record of a token. */
export interface RobotRecord {
  readonly id: string;
  /** Name for operators. */
  readonly name: string;
  /** Globs of `<upstream>/<repository>`. Unset means all repositories. */
  readonly grants?: readonly string[] | undefined;
  readonly createdAtMs: number;
  /** Unset means that the token never expires. */
  readonly expiresAtMs?: number | undefined;
  /** SHA-256 of the secret, in base64url. */
  readonly hash: string;
}

const idBytes = 8;
const secretBytes = 32;
const pattern = /^cistern_([0-9a-f]{16})_([\w-]{43})$/;

/** Creates a token and its record. The token cannot be computed from the record, so the caller must show it now. */
export function createRobotToken(robot: Omit<RobotRecord, 'id' | 'hash'>): {
  readonly token: string;
  readonly record: RobotRecord;
} {
  const id = randomBytes(idBytes).toString('hex');
  const secret = randomBytes(secretBytes).toString('base64url');
  return { token: `cistern_${id}_${secret}`, record: { ...robot, id, hash: hashOf(secret).toString('base64url') } };
}

/** Returns `undefined` if the text is not a robot token. */
export function parseRobotToken(text: string): { readonly id: string; readonly secret: string } | undefined {
  const [, id, secret] = pattern.exec(text) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

/** Reports whether the secret belongs to the record. Compares in constant time. */
export function isSecretOf({ hash }: RobotRecord, secret: string): boolean {
  const expected = Buffer.from(hash, 'base64url');
  const found = hashOf(secret);
  return expected.length === found.length && timingSafeEqual(expected, found);
}

export function isExpired({ expiresAtMs = Infinity }: RobotRecord, nowMs: number): boolean {
  return expiresAtMs <= nowMs;
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

interface RobotObject extends RobotRecord {
  readonly schema: 1;
}

/**
 * Returns `undefined` if there is no record, or if it is unreadable or was written by a newer release. There is no
 * record if the token was revoked or the id is unknown. Rejects with `store-unavailable`.
 */
export async function readRobot(store: Pick<BlobStore, 'readObject'>, id: string): Promise<RobotRecord | undefined> {
  const bytes = await store.readObject(robotKey(id));
  if (bytes === undefined) return undefined;
  try {
    const { schema, ...record } = JSON.parse(Buffer.from(bytes).toString('utf8')) as RobotObject;
    return schema === 1 && record.id === id && typeof record.hash === 'string' ? record : undefined;
  } catch {
    return undefined;
  }
}

export async function* listRobotIds(store: Pick<BlobStore, 'listObjects'>): AsyncGenerator<string> {
  for await (const key of store.listObjects(robotsPrefix)) {
    const id = parseRobotKey(key);
    if (id !== undefined) yield id;
  }
}

export interface RobotTokens {
  /** Returns all readable records, sorted by name. Skips the others. */
  list(): Promise<readonly RobotRecord[]>;
  /** Creates a token. The token cannot be retrieved again. Rejects with `denied` if the name is taken. */
  create(robot: Omit<RobotRecord, 'id' | 'hash'>): Promise<{ readonly token: string; readonly record: RobotRecord }>;
  /** Revokes a token by name or id. Resolves to its record, or to `undefined` if there is no such token. */
  revoke(nameOrId: string): Promise<RobotRecord | undefined>;
}

export function openRobotTokens(store: ObjectStore): RobotTokens {
  async function list(): Promise<readonly RobotRecord[]> {
    const found: RobotRecord[] = [];
    for await (const id of listRobotIds(store)) {
      const record = await readRobot(store, id);
      if (record !== undefined) found.push(record);
    }
    return found.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  return {
    list,
    async create(robot) {
      if ((await list()).some(({ name }) => name === robot.name))
        throw new CacheError('denied', `A token named ${robot.name} already exists. Revoke it first.`);
      const created = createRobotToken(robot);
      const object: RobotObject = { schema: 1, ...created.record };
      await store.writeObject(robotKey(object.id), Buffer.from(`${JSON.stringify(object)}\n`));
      return created;
    },
    async revoke(nameOrId) {
      const record = (await list()).find(({ id, name }) => id === nameOrId || name === nameOrId);
      if (record !== undefined) await store.removeObject(robotKey(record.id));
      return record;
    },
  };
}

/**
 * Returns a store that encrypts the records of robot tokens with the cluster's secret, which all nodes have. Without
 * `cluster` it encrypts nothing.
 */
export function sealRobots(store: ObjectStore, { cluster }: Pick<Config, 'cluster'>): ObjectStore {
  return sealObjects(store, cluster?.secret.reveal(), 'robots');
}
