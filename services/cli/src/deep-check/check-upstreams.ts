// Tries each upstream with each of its accounts, the issuers of `auth`, and the clock against the upstreams.
import { randomUUID } from 'node:crypto';
import { credentialsFor } from '@cistern/assembly';
import { readIssuerKeys } from '@cistern/auth';
import type { Config } from '@cistern/config';
import type { Environment } from '@cistern/runtime/process';
import { openDocuments, type ProbedRegistry, probeRegistry, proxyFor } from '@cistern/upstream';
import { explainConnection } from '../http/explain-connection.ts';
import { clockDifferenceMs, describeDifference } from '../http/judge-clock.ts';
import { createSendRequest } from '../http/send-request.ts';
import { version } from '../node/version.ts';
import { type Check, checkOf, fail, type Finding, ok, warn } from './finding.ts';

type Upstream = Config['upstreams'][number];

/** The last check waits for the others, because it uses the dates of their responses. */
export function upstreamChecks(config: Config, env: Environment): readonly Check[] {
  const { upstreams, auth, settings } = config;
  // `proxy` of registry:2 is the only upstream, and its name is not in `upstreams`.
  const isListed = settings.upstreams !== undefined;
  const clock = createClockCheck();
  const registries = upstreams.flatMap((upstream) => {
    const setting = isListed ? `upstreams.${upstream.name}` : upstream.name;
    if (upstream.isOffline) return [checkOf(setting, async () => ok(setting, 'offline, so it was not tried'))];
    return [undefined, ...upstream.alternates].map((alternate, at) => {
      const name = alternate === undefined ? setting : `${setting}.alternates[${at - 1}]`;
      return clock.after(checkOf(name, () => checkRegistry(name, upstream, alternate, { env, onDate: clock.add })));
    });
  });
  const issuers = auth.oidc.map((issuer) => {
    const setting = `auth.oidc.${issuer.name}`;
    return checkOf(setting, () => checkIssuer(setting, issuer, env));
  });
  const realm = auth.externalTokens?.realm;
  const tokenServers =
    realm === undefined || !('url' in realm)
      ? []
      : [checkOf('auth.token.realm', () => checkTokenServer('auth.token.realm', realm.url))];
  return [...registries, ...issuers, ...tokenServers, clock.check];
}

interface ProbeOptions {
  readonly env: Environment;
  onDate(host: string, date: string | undefined): void;
}

async function checkRegistry(
  setting: string,
  upstream: Upstream,
  alternate: string | undefined,
  { env, onDate }: ProbeOptions,
): Promise<readonly Finding[]> {
  const { name, ca, clientCertificate, proxyUrl, allowPrivate, credentials } = upstream;
  const url = alternate ?? upstream.url;
  const own = alternate === undefined ? clientCertificate : undefined;
  const proxy = proxyUrl === undefined ? undefined : { url: proxyUrl.reveal() };
  const options = {
    name,
    url,
    allowPrivate,
    credentials: credentialsFor(alternate, url, credentials),
    proxy: proxy === undefined ? (target: URL) => proxyFor(target, env) : () => proxy,
    tls: { ca, certificate: own?.certificate, key: own?.key.reveal() },
    instanceId: randomUUID(),
    version,
  };
  let probed: ProbedRegistry;
  try {
    probed = await probeRegistry(options, AbortSignal.timeout(limitMs));
  } catch (error) {
    return [fail(setting, `${new URL(url).host}: ${whyNot(error, upstream)}`)];
  }
  onDate(new URL(url).host, probed.date);
  const { tokenServer, status, accounts } = probed;
  const tokens = tokenServer === undefined ? '' : `, tokens from ${tokenServer}`;
  return [
    ok(setting, `${new URL(url).host} answers ${status}${tokens}`),
    ...accounts.map((account): Finding => {
      const of = `account ${account.name}`;
      if (account.result === 'accepted') return ok(setting, `${of} is accepted`);
      if (account.result === 'failed') return fail(setting, `${of}: ${account.failure}`);
      return warn(setting, `${of} was not tried: the registry asks for no credentials, or the account has none.`);
    }),
  ];
}

const limitMs = 20_000;
const limit = '20 s';

/** Explains the failure of the connection, which is the cause of the last error, if it is one that has a known fix. */
function whyNot(error: unknown, { name }: Pick<Upstream, 'name'>): string {
  const trust = `set upstreams.${name}.ca to the certificate of its CA`;
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    const explained = explainConnection(cause, { trust, limit });
    if (explained !== cause.message) return `${explained}.`;
  }
  return (error as Error).message;
}

async function checkIssuer(
  setting: string,
  { name, url, ca }: Config['auth']['oidc'][number],
  env: Environment,
): Promise<Finding> {
  const proxy = (target: URL) => proxyFor(target, env);
  const documents = openDocuments({
    name: `issuer ${name}`,
    url,
    tls: { ca },
    proxy,
    instanceId: randomUUID(),
    version,
  });
  const signal = AbortSignal.timeout(limitMs);
  try {
    const { length } = await readIssuerKeys(url, (target) => documents.read(target, signal));
    if (length === 0) return fail(setting, `${url} publishes no keys, so every token is rejected. Check the issuer.`);
    return ok(setting, `${url} publishes ${length} ${length === 1 ? 'key' : 'keys'}`);
  } catch (error) {
    return fail(setting, `${(error as Error).message.replace(/\.$/, '')}. Check auth.oidc.${name}.issuer and ca.`);
  } finally {
    await documents.close();
  }
}

/** Only clients need the token server, so a failure from here is no failure of the cache. */
async function checkTokenServer(setting: string, url: string): Promise<Finding> {
  try {
    const { status } = await createSendRequest(url, undefined)('');
    if (status < 500) return ok(setting, `${url} answers ${status}`);
    return warn(setting, `${url} answers ${status}. Clients need it: check that server.`);
  } catch (error) {
    const why = explainConnection(error, { trust: 'clients need it too', limit: '30 s' });
    return warn(setting, `${url} is unreachable from here: ${why}. Clients must reach it.`);
  }
}

/** Collects dates of servers. The check has its result when all checks that are wrapped by `after` have ended. */
function createClockCheck() {
  const differences: { readonly host: string; readonly ms: number }[] = [];
  const pending: Promise<unknown>[] = [];
  return {
    add(host: string, date: string | undefined) {
      const ms = clockDifferenceMs(date, Date.now());
      if (ms !== undefined) differences.push({ host, ms });
    },
    after(check: Check): Check {
      return () => {
        const running = check();
        pending.push(running);
        return running;
      };
    },
    check: checkOf('clock', async () => {
      await Promise.all(pending);
      const [nearest] = differences.toSorted((a, b) => Math.abs(a.ms) - Math.abs(b.ms));
      if (nearest === undefined) return warn('clock', 'not compared, because no upstream sent its time.');
      const apart = describeDifference(nearest.ms);
      if (apart === undefined) return ok('clock', `matches ${nearest.host}`);
      return fail('clock', `${nearest.host} is ${apart}. Set the clock by NTP, else certificates and tokens fail.`);
    }),
  };
}
