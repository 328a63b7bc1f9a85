// Faults of upstreams and of the connections to them.
import type { FakeUpstream } from '@cistern/fake-upstream';
import type { Weather } from '../../cluster/cluster-weather.ts';
import { pause } from '../../cluster/pause.ts';
import { type Owner, runAs } from '../../world/owner.ts';
import type { Random } from '../../world/random.ts';
import type { Act, FaultyCluster } from '../apply-faults.ts';
import type { FaultKind, PlannedFault } from '../fault-plan.ts';
import type { SimulatedRepository } from './image-catalog.ts';

type Fault = Parameters<FakeUpstream['addFault']>[1];
type Matcher = Parameters<FakeUpstream['addFault']>[0];

export interface UpstreamActsOptions {
  readonly upstreams: readonly FakeUpstream[];
  readonly repositories: readonly SimulatedRepository[];
  /** The process in which all upstreams run. */
  readonly owner: Owner;
  readonly cluster: FaultyCluster;
  readonly weather: Weather;
  readonly random: Random;
  readonly trace: (text: string) => void;
}

const mostRequests = 4;
const longestDelayMs = 15_000;
const waitsMs = 8_000;

export function createUpstreamActs(options: UpstreamActsOptions): Partial<Record<FaultKind, Act>> {
  const { upstreams, repositories, owner, cluster, weather, random, trace } = options;
  const upstreamOf = ({ other }: PlannedFault) => upstreams[other % upstreams.length]!;

  /** Applies a chosen fault to some of the requests while the planned fault lasts. */
  const spoil = (matcher: Matcher, choose: (fault: PlannedFault) => Fault) => async (planned: PlannedFault) => {
    const times = 1 + random(mostRequests);
    const fault = choose(planned);
    trace(`${planned.kind}: ${JSON.stringify(fault)}`);
    const added = upstreamOf(planned).addFault({ ...matcher, nth: 1 + random(2), times }, fault);
    await pause(planned.lastsMs);
    added.remove();
    trace(`${planned.kind} is over after ${added.hits()} requests`);
  };

  /**
   * The upstream responds with another manifest than the requested one. Such requests are rare, so the fault lasts
   * longer.
   */
  const lieAboutManifest = async ({ kind, lastsMs }: PlannedFault) => {
    const [digest, bytes] = random.pick(repositories.flatMap(({ manifests }) => [...manifests]));
    const body = bytes.toString();
    const fault = { status: 200, body, headers: { 'content-type': mediaTypeOf(body) } };
    const other = new RegExp(`/manifests/(?!${digest})sha256:`);
    const matcher = { method: 'GET', path: other, times: 1 + random(mostRequests) };
    trace(`${kind}: another manifest`);
    const added = upstreams.map((upstream) => upstream.addFault(matcher, fault));
    await pause(lastsMs + waitsMs);
    for (const one of added) one.remove();
    trace(`${kind} is over after ${added.reduce((sum, one) => sum + one.hits(), 0)} requests`);
  };
  const anyDigest = () => random.pick([...random.pick(repositories).manifests.keys()]);
  const lie = spoil({ method: 'GET' }, () =>
    random.pick<Fault>([
      { flipByteAt: random(30) },
      { flipByteAt: random(200) },
      { size: random(400) },
      { contentLength: random(400) },
      { headers: { 'docker-content-digest': random.pick([`sha256:${'0'.repeat(64)}`, anyDigest()]) } },
    ]),
  );

  return {
    'upstream breaks': spoil({ method: 'GET' }, () =>
      random.pick<Fault>([
        { resetBeforeHeaders: true },
        { resetAfterBytes: random(2_000) },
        { endAfterBytes: random(200) },
        { resetAfterBytes: random(100_000) },
      ]),
    ),
    'upstream lies': (fault) => (fault.degree < 0.4 ? lieAboutManifest : lie)(fault),
    'upstream stalls': spoil({}, ({ lastsMs }) =>
      random.pick<Fault>([
        { delayMs: random(Math.min(longestDelayMs, lastsMs)) },
        { stallAfterBytes: random(200) },
        { bytesPerSecond: 50_000 },
      ]),
    ),
    'upstream throttles': spoil({}, () =>
      random.pick<Fault>([
        { status: 429, headers: { 'retry-after': '2' } },
        { status: 429 },
        { status: 503 },
        { status: 500 },
      ]),
    ),
    async 'upstream away'(fault) {
      trace(fault.kind);
      const upstream = upstreamOf(fault);
      await runAs(owner, () => upstream.refuseConnections());
      await pause(fault.lastsMs);
      await runAs(owner, () => upstream.acceptConnections());
      trace(`${fault.kind} is over`);
    },
    async 'cut upstream'({ kind, target, lastsMs }) {
      const { name } = cluster.workers[target % cluster.workers.length]!;
      const ways = [`${name} ${owner.name}`, `${owner.name} ${name}`];
      trace(`${kind}: ${name}`);
      for (const way of ways) weather.cut.add(way);
      await pause(lastsMs);
      for (const way of ways) weather.cut.delete(way);
      trace(`${kind} is over: ${name}`);
    },
  };
}

function mediaTypeOf(manifest: string): string {
  return (JSON.parse(manifest) as { readonly mediaType: string }).mediaType;
}
