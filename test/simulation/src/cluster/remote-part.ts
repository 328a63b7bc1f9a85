// A part of the cluster (index, store, queue) as one process uses it over the network. Its calls and their results are
// events. A process that dies in between receives no result, even if its call took effect.
import { type Owner, runAs } from '../world/owner.ts';
import { plan } from '../world/schedule.ts';

export interface RemoteLink {
  readonly owner: Owner;
  latencyMs(): number;
  /**
   * The fate of a call. `done`: it succeeds. `refused`: the part is unavailable. `lost`: the part does not execute it.
   * `unheard`: the part executes it. In the cases `lost` and `unheard` the caller receives `failure` after
   * `patienceMs`.
   */
  fate(step: string): 'done' | 'refused' | 'lost' | 'unheard';
  failure(step: string): Error;
  readonly patienceMs: number;
  /** Reports whether a call of a callback from the part to the process is lost. */
  losesCall(step: string): boolean;
  /** Functions that end the subscriptions of the process when it is killed. */
  readonly ends: Set<() => void>;
}

/**
 * Three kinds of functions that are not ordinary calls: they return an iterable, return nothing, or only read the
 * memory of the process.
 */
const walks: ReadonlySet<string> = new Set([
  'index.blobs.leastRecent',
  'index.blobs.shards',
  'store.list',
  'store.listObjects',
]);
const silent: ReadonlySet<string> = new Set(['countTag', 'countPlatform']);
const remembering: ReadonlySet<string> = new Set(['fromMemory']);
/** Functions whose result the process knows without a call. */
const ownKnowledge: ReadonlySet<string> = new Set(['index.now']);

type Call = (...given: unknown[]) => unknown;

export function asRemote<T extends object>(part: T, link: RemoteLink, path: string): T {
  const known = new Map<string, unknown>();
  return new Proxy(part, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (typeof key !== 'string' || !isPart(value)) return value;
      const remote = known.get(key) ?? remoteMember(target, link, { step: `${path}.${key}`, key, value });
      known.set(key, remote);
      return remote;
    },
  });
}

/** Maps belong to the process and need no call. */
function isPart(value: unknown): value is object {
  if (value instanceof Map || value === null) return false;
  return typeof value === 'object' || typeof value === 'function';
}

interface Member {
  readonly step: string;
  readonly key: string;
  readonly value: object;
}

function remoteMember(target: object, link: RemoteLink, { step, key, value }: Member): unknown {
  if (typeof value !== 'function') return asRemote(value, link, step);
  const call: Call = (...given) => Reflect.apply(value, target, given);
  if (remembering.has(key)) return () => undefined;
  if (ownKnowledge.has(step)) return () => runAs(undefined, call);
  if (silent.has(key))
    return (...given: unknown[]) => void callRemote(link, step, () => call(...given)).catch(() => {});
  if (walks.has(step)) return (...given: unknown[]) => walk(link, step, () => call(...given) as AsyncIterable<unknown>);
  return (...given: unknown[]) =>
    callRemote(link, step, () => call(...given.map((one) => wrapArgument(link, step, one))));
}

async function callRemote(link: RemoteLink, step: string, work: () => unknown): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const { owner } = link;
  const deliver = (delayMs: number, receive: () => void) => plan(delayMs, receive, { owner, label: `${step} heard` });
  const fail = (delayMs: number) => deliver(delayMs, () => reject(link.failure(step)));
  const answer = async () => {
    try {
      const result = await runAs(undefined, work);
      if (owner.state === 'dead') return endSubscription(result);
      // Registers the subscription before the result arrives, so that a process that is killed meanwhile also loses it.
      const back = wrapResult(link, step, result);
      deliver(link.latencyMs(), () => resolve(back));
    } catch (error) {
      deliver(link.latencyMs(), () => reject(error));
    }
    return undefined;
  };
  const arrive = () => {
    const fate = link.fate(step);
    if (fate === 'refused') fail(link.latencyMs());
    else if (fate === 'done') void answer();
    else fail(link.patienceMs);
    if (fate === 'unheard') void doUnheard(work);
  };
  plan(link.latencyMs(), arrive, { owner: undefined, label: step });
  return promise;
}

async function doUnheard(work: () => unknown): Promise<void> {
  try {
    endSubscription(await runAs(undefined, work));
  } catch {
    // No process receives this result.
  }
}

/** Ends a new subscription whose result was lost, because a broken connection has no subscriptions. */
function endSubscription(result: unknown): void {
  if (typeof result === 'function') (result as () => void)();
}

async function* walk(link: RemoteLink, step: string, begin: () => AsyncIterable<unknown>) {
  const iterator = (await callRemote(link, step, async () =>
    begin()[Symbol.asyncIterator](),
  )) as AsyncIterator<unknown>;
  for (;;) {
    const next = (await callRemote(link, `${step}.next`, async () => iterator.next())) as IteratorResult<unknown>;
    if (next.done === true) return;
    yield next.value;
  }
}

/** Wraps a callback. A call of it becomes an event of its process, or is lost. */
function wrapArgument(link: RemoteLink, step: string, value: unknown): unknown {
  if (isBody(value)) return { ...value, open: () => readAs(link.owner, value.open()) };
  if (typeof value !== 'function') return value;
  return (...given: unknown[]) => {
    if (link.losesCall(step)) return;
    plan(link.latencyMs(), () => void Reflect.apply(value, undefined, given), {
      owner: link.owner,
      label: `${step} called`,
    });
  };
}

function wrapResult(link: RemoteLink, step: string, value: unknown): unknown {
  if (typeof value === 'function') return endOnce(link, value as () => void);
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || Array.isArray(value)) return value;
  if (Symbol.asyncIterator in value) return value;
  return Object.values(value).some((member) => typeof member === 'function') ? asRemote(value, link, step) : value;
}

interface Body {
  open(): AsyncIterable<unknown>;
}

const isBody = (value: unknown): value is Body =>
  typeof value === 'object' && value !== null && 'open' in value && typeof value.open === 'function';

/** A dead process sends nothing more. */
async function* readAs(owner: Owner, source: AsyncIterable<unknown>) {
  const iterator = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await runAs(owner, () => iterator.next());
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    await runAs(owner, () => iterator.return?.());
  }
}

/** Wraps the function that `subscribe` returns. The subscriptions of a killed process end with it. */
function endOnce(link: RemoteLink, end: () => void): () => void {
  const once = () => {
    if (link.ends.delete(once)) end();
  };
  link.ends.add(once);
  return once;
}
