// Checks the Redis and the bucket of a configuration: whether they are reachable and suitable, and accept writes.
import { probeBucket, probeRedis } from '@cistern/assembly';
import type { Config, RedisConfig } from '@cistern/config';
import { isCacheError } from '@cistern/errors';
import type { Logger } from '@cistern/telemetry';
import { describeRedis } from '../node/describe-config.ts';
import { type Check, checkOf, type Finding, ok, warn } from './finding.ts';

type S3Config = Extract<Config['storage'], { readonly kind: 's3' }>;

export function serverChecks({ redis, storage }: Config, log: Logger): readonly Check[] {
  const checks: Check[] = [];
  if (redis !== undefined) checks.push(checkOf('redis', () => withFix(checkRedis(redis, log), redisFix)));
  if (storage.kind === 's3') checks.push(checkOf('storage.s3', () => withFix(checkBucket(storage, log), bucketFix)));
  return checks;
}

const redisFix = 'Check redis.addrs, the account and redis.tls, and that Redis runs.';
const bucketFix = 'Check storage.s3.regionendpoint, the keys, and the policy of the bucket.';

/** Adds the fix to a failure of the connection. Other errors name their own fix. */
async function withFix(finding: Promise<Finding>, fix: string): Promise<Finding> {
  try {
    return await finding;
  } catch (error) {
    if (!isCacheError(error) || /; (?:set|configure) /.test(error.message)) throw error;
    throw new Error(`${error.message} ${fix}`, { cause: error });
  }
}

async function checkRedis(redis: RedisConfig, log: Logger): Promise<Finding> {
  const version = await probeRedis(redis, log);
  return ok('redis', `${describeRedis(redis)}: version ${version}, noeviction, a key was written and removed`);
}

async function checkBucket(storage: S3Config, log: Logger): Promise<Finding> {
  const where = `bucket ${storage.bucket} at ${storage.endpoint}`;
  if (await probeBucket(storage, log)) return ok('storage.s3', `${where}: an object was written, read and removed`);
  if (storage.createBucket) return warn('storage.s3', `${where} does not exist. The first node creates it.`);
  throw new Error(`${where} does not exist. Create it, or set storage.s3.createbucket: true.`);
}
