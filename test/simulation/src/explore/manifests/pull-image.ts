// A client that pulls an image as docker and containerd do: a tag by HEAD or GET, then manifests and blobs by digest.
import { Agent } from 'node:http';
import { runAs, type Owner } from '../../world/owner.ts';
import type { Random } from '../../world/random.ts';
import { schedule } from '../../world/schedule.ts';
import { addressOf } from './address-of.ts';
import { type Exchanged, exchange } from './exchange.ts';
import type { SimulatedRepository } from './image-catalog.ts';
import { type ClientRequest, type Caller, judgeExchange } from './judge-exchange.ts';
import type { ScenarioFacts } from './scenario-facts.ts';

export interface Client {
  readonly clientName: string;
  readonly owner: Owner;
  readonly port: number;
  readonly caller: Caller;
  /** Returns the headers with the client's credentials. A token is for the repository named `scope`. */
  headersOf(scope: string): Readonly<Record<string, string>>;
  readonly slowness: number;
  /** Returns a new value for each request. */
  leavesAfterMs(): number | undefined;
  readonly random: Random;
}

export type PullResult = 'served' | 'not served' | 'left';

interface Descriptor {
  readonly digest: string;
}

interface Manifest {
  readonly manifests?: readonly Descriptor[];
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
}

interface Pull {
  readonly facts: ScenarioFacts;
  readonly client: Client;
  readonly repository: SimulatedRepository;
  readonly agent: Agent;
}

export interface Wanted {
  readonly kind: ClientRequest['kind'];
  readonly reference: string;
  readonly method?: ClientRequest['method'];
  readonly mayBeRange?: boolean;
  /** The size in bytes, if the repository does not have the content. */
  readonly size?: number;
  /** The repository that the token is for. Default: the pulled repository. */
  readonly scope?: SimulatedRepository;
}

const headShare = 0.4;
const rangeShare = 0.3;
const accept = 'application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json';

/**
 * Pulls an image and judges each response. `reference` is a tag or a manifest digest. `onDigest` is called with the
 * resolved digest.
 */
export async function pullImage(
  pull: Omit<Pull, 'agent'>,
  reference: string,
  onDigest: (digest: string) => void = () => {},
): Promise<PullResult> {
  return connected(pull, (opened) => pullOver(opened, reference, onDigest));
}

/** Sends one request and judges the response. */
export async function getContent(pull: Omit<Pull, 'agent'>, wanted: Wanted): Promise<void> {
  await connected(pull, (opened) => send(opened, wanted));
}

async function connected<T>(pull: Omit<Pull, 'agent'>, work: (opened: Pull) => Promise<T>): Promise<T> {
  const { owner } = pull.client;
  const agent = runAs(owner, () => new Agent({ keepAlive: true }));
  try {
    return await work({ ...pull, agent });
  } finally {
    runAs(owner, () => agent.destroy());
  }
}

async function pullOver(pull: Pull, reference: string, onDigest: (digest: string) => void): Promise<PullResult> {
  const { random } = pull.client;
  const get = (wanted: Wanted) => send(pull, wanted);
  let manifestOf = reference;
  if (random.chance(headShare)) {
    const head = await get({ kind: 'manifests', reference, method: 'HEAD' });
    if (head.result === 'left') return 'left';
    if (!isContent(head)) return 'not served';
    manifestOf = String(head.headers['docker-content-digest']);
  }
  for (;;) {
    const answer = await get({ kind: 'manifests', reference: manifestOf });
    if (answer.result === 'left') return 'left';
    if (!isContent(answer)) return 'not served';
    onDigest(manifestOf === reference ? String(answer.headers['docker-content-digest']) : manifestOf);
    const { manifests, config, layers = [] } = JSON.parse(answer.body.toString()) as Manifest;
    if (manifests === undefined) {
      const parts = [config, ...layers].filter((part) => part !== undefined);
      const pulled = await Promise.all(
        parts.map(({ digest }) => get({ kind: 'blobs', reference: digest, mayBeRange: true })),
      );
      if (pulled.some(({ result }) => result === 'left')) return 'left';
      return pulled.every(isContent) ? 'served' : 'not served';
    }
    manifestOf = random.pick(manifests).digest;
    onDigest = () => {};
  }
}

async function send({ facts, client, repository, agent }: Pull, wanted: Wanted): Promise<Exchanged> {
  const { clientName, owner, port, caller, slowness, random } = client;
  const { kind, reference, method = 'GET', mayBeRange = false, scope = repository } = wanted;
  const size = wanted.size ?? repository[kind].get(reference)?.length ?? 0;
  const range = mayBeRange && size > 1 && random.chance(rangeShare) ? rangeOf(random, size) : undefined;
  const address = addressOf(repository, `${kind}/${reference}`, random);
  const startedAtMs = schedule.nowMs;
  const exchanged = await runAs(owner, () =>
    exchange({
      port,
      agent,
      method,
      path: address.path,
      headers: {
        accept,
        ...address.headers,
        ...(range !== undefined && { range: `bytes=${range.start}-${range.end}` }),
        ...client.headersOf(address.scopeOf(scope)),
      },
      leavesAfterMs: client.leavesAfterMs(),
      slowness,
      random,
    }),
  );
  const endedAtMs = schedule.nowMs;
  judgeExchange(
    facts,
    { repository, kind, reference, method, range, caller, scope, startedAtMs, endedAtMs, clientName },
    exchanged,
  );
  return exchanged;
}

function isContent(exchanged: Exchanged): exchanged is Extract<Exchanged, { result: 'answer' }> {
  return exchanged.result === 'answer' && (exchanged.status === 200 || exchanged.status === 206);
}

function rangeOf(random: Random, size: number): { start: number; end: number } {
  const start = random(size);
  return { start, end: Math.min(size - 1, start + random(size)) };
}
