// Scenario 2: several upstreams, tags that move, purges, a small store, callers with different rights, and all kinds of
// faults. The nodes are the product's own, and clients call them over HTTP.
import { clearWeather, createWeather } from '../../cluster/cluster-weather.ts';
import { pause } from '../../cluster/pause.ts';
import { startNodes } from '../../nodes/start-nodes.ts';
import { fileSystem } from '../../world/files/file-system.ts';
import { network } from '../../world/network/network-state.ts';
import { createRandom } from '../../world/random.ts';
import { applyFaults } from '../apply-faults.ts';
import { type FaultKind, kindsOf, planFaults } from '../fault-plan.ts';
import type { Run, Scenario } from '../run-world.ts';
import { createCallers } from './callers.ts';
import { createClients } from './clients.ts';
import { crowd } from './crowd.ts';
import { drawSpool } from './draw-spool.ts';
import { clusterFile, scrubEveryMs, ttlMs } from './cluster-file.ts';
import { countFills, checkRebuild, judgeIndex, judgeRest, judgeStore, storedBytes } from './final-checks.ts';
import { currentOf, moveTag } from './image-catalog.ts';
import type { Caller } from './judge-exchange.ts';
import { createLogins } from './logins.ts';
import { createManifestActs } from './manifest-acts.ts';
import { boundedFaults, manifestFaults } from './manifest-faults.ts';
import { pullImage } from './pull-image.ts';
import { createPullCounts } from './pull-counts.ts';
import { createPurges } from './purges.ts';
import { purgeWhileFetched } from './purge-while-fetched.ts';
import { pushHandMade } from './push-hand-made.ts';
import { readList } from './read-lists.ts';
import { crowdedBy } from './repository-acts.ts';
import type { ScenarioFacts } from './scenario-facts.ts';
import { servesNow } from './serves-now.ts';
import { startUpstreams } from './start-upstreams.ts';
import { steal } from './steal.ts';
import { checkCommits, damageStored } from './stored-contents.ts';
import { expectedPulls } from './expected-pulls.ts';
import { expectedRights } from './expected-rights.ts';

/** One run in this many has the product's own S3 store. Such a run takes as long as ten others. */
const s3Every = 40;
const storeOf = (seed: number) => (seed % s3Every === 0 ? 's3' : 'memory');

/** One run in this many has only faults that harm a part of the cluster. */
const boundedEvery = 7;
/** One run in this many forgets names after seconds. */
const forgetfulEvery = 3;
const hourMs = 3_600_000;
const rebuiltShare = 0.4;
/** The initial content has about 1.3 MB. */
const storeSizes = [700_000, 1_000_000];
const tags = ['latest', 'v1'];
const operator: Caller = { user: 'ada', account: 'always:a' };
const strangers = ['sometimes:s', 'never:n', 'sometimes:s', undefined];
const confirmedWithinMs = 2_000;
/** Time after which all nodes have received a purge in a run without faults. */
const calmSpreadMs = 1_000;
/** How long a call is retried if the upstream responds late or breaks off. */
const upstreamTriesMs = 30_000;
const delaying: readonly FaultKind[] = [
  'upstream stalls',
  'upstream breaks',
  'upstream away',
  'cut upstream',
  'worker without network',
];
const actionsWithinMs = 12_000;
const settleMs = 10_000;
/** Workers pause for a while after a registry has throttled them. */
const forgivingMs = 60_000;
/** Time until a new pass has read the store. A running pass ends first, half a minute after it lost its lease. */
const scrubbedWithinMs = 3 * scrubEveryMs + 3_000;
/** A blob that does not fit waits half a minute. Parts of a pulled image stay for a minute, even above the limit. */
const idleWithinMs = 100_000;
const idlePollMs = 5_000;
const quietMs = 5_000;
const quickMs = 1_500;
const gapMs = 6_000;

export const manifestScenario: Scenario = {
  name: 'manifests',
  kinds: kindsOf(manifestFaults),
  plan(seed, named) {
    const often = storeOf(seed) === 's3' ? 'store away' : undefined;
    const planned = planFaults(createRandom(seed * 7919 + 29), { often, table: manifestFaults, named });
    return seed % boundedEvery === 0 ? planned.filter(({ kind }) => boundedFaults.has(kind)) : planned;
  },
  play,
};

async function play(run: Run): Promise<() => Promise<void>> {
  const { seed, faults, problem, trace } = run;
  const random = createRandom(seed * 104_729 + 11);
  const has = (kind: FaultKind) => faults.some((fault) => fault.kind === kind);
  const lastsMs = (...kinds: readonly FaultKind[]) =>
    faults.reduce((sum, fault) => sum + (kinds.includes(fault.kind) ? fault.lastsMs : 0), 0);
  network.maxLatencyMs = random.pick([0.2, 1, 20]);
  fileSystem.maxLatencyMs = random.pick([0.05, 0.5, 20]);
  const weather = createWeather(createRandom(seed ^ 0x5eed));
  weather.callMs = random.pick([0.2, 1, 20]);

  const loginKind = random.pick(['networks', 'networks', 'passwords', 'tokens'] as const);
  const logins = createLogins(loginKind, random);
  await logins.prepare();
  // Nodes with an upstream that verifies callers serve nothing from memory, and identify users by their network alone.
  const isGuarded = loginKind === 'networks' && random.chance(0.8);
  const callers = createCallers('team/secret');
  const upstreams = await startUpstreams({ callers, isGuarded, tags, random });
  const { hub, second, vault, honest, hostile } = upstreams;
  const repositories = [...honest, ...hostile];

  const staleWhileRevalidateMs = random.pick([0, 4_000]);
  const maxBytes = random.chance(0.3) || has('undeletable objects') ? random.pick(storeSizes) : Infinity;
  const isScrubbed = has('damage stored');
  const forgetAfterMs = seed % forgetfulEvery === 0 ? 5_000 : hourMs;
  const spool = drawSpool(seed);
  const nodes = await startNodes({
    frontends: 2 + (random.chance(0.2) ? 1 : 0),
    workers: Math.max(1 + random(2), has('worker without network') ? 2 : 1),
    weather,
    store: storeOf(seed),
    interactiveSlots: has('few slots') ? 2 : 16,
    file: clusterFile({
      hub: hub.url,
      second: second.url,
      vault: isGuarded ? vault.url : undefined,
      staleWhileRevalidateMs,
      maxBytes,
      spool,
      isScrubbed,
      forgetAfterMs,
      logins: logins.file,
    }),
    log: run.isTraced === true ? trace : undefined,
  });
  const settings = { store: storeOf(seed), loginKind, maxBytes, isScrubbed, forgetAfterMs, staleWhileRevalidateMs };
  trace(`${nodes.frontends.length} frontends, ${nodes.workers.length} workers, ${JSON.stringify(settings)}`);
  trace(repositories.map(({ fullName }) => fullName).join(' '));
  await pause(quickMs);
  const { subscriptions } = nodes.shared;
  checkCommits(nodes, problem);

  const allMs = lastsMs(...faults.map(({ kind }) => kind));
  const slow = delaying.some(has) ? upstreamTriesMs : 0;
  let isSettled = false;
  const confirmingMs = confirmedWithinMs + slow + lastsMs('freeze worker', 'store away', 'index away', ...delaying);
  const purges = createPurges({
    nodes,
    repositories,
    random,
    spreadsWithinMs: faults.length === 0 ? calmSpreadMs : 8_000 + allMs,
    fetchingMs: confirmingMs,
    trace,
    problem,
  });
  const pullCounts = createPullCounts();
  const facts: ScenarioFacts = {
    problem,
    isCalm: faults.length === 0,
    ...expectedPulls({ faults, repositories, purges, maxBytes, spool }),
    ttlMs,
    staleWhileRevalidateMs,
    get confirmingMs() {
      return isSettled ? confirmedWithinMs : confirmingMs;
    },
    repositories,
    ...expectedRights(logins, callers),
    mayBeDamaged: () => isScrubbed,
    receivesWrongBytes: has('upstream lies'),
    onNamed: pullCounts.add,
    onServed(pull, digest) {
      const objection = purges.objectionTo(pull, digest);
      if (objection !== undefined)
        problem(`${pull.clientName}: ${pull.repository.fullName} ${pull.reference} ${digest} served, ${objection}`);
    },
  };

  const applied = applyFaults(faults, {
    cluster: { ...nodes },
    weather,
    damage: (degree) => damageStored(nodes, random, degree),
    own: createManifestActs({
      upstreams: [...new Set(repositories.map(({ upstream }) => upstream))],
      owner: upstreams.owner,
      repositories,
      cluster: nodes,
      weather,
      isDamaged: has('damage stored'),
      random,
      trace,
    }),
    trace,
    problem,
  });

  const { clientOf, anyCaller } = createClients({ has, logins, callers, isGuarded, random });
  const within = () => pause(random(actionsWithinMs));

  const purgeInFlight = async () => {
    const repository = random.pick(repositories);
    const puller = () => clientOf('client during a purge', random.pick(nodes.frontends).port, operator);
    const spreadMs = facts.isCalm ? calmSpreadMs : 0;
    await purgeWhileFetched({ facts, purges, repository, tag: random.pick(tags), puller, spreadMs, random });
  };
  const pulls = Array.from({ length: 2 + random(3) }, async (_, i) => {
    await within();
    const id = `client ${i}`;
    const repository = random.pick(repositories);
    const caller = anyCaller(repository.isPrivate);
    let frontend = random.pick(nodes.frontends);
    for (let turns = 1 + random(2); turns > 0; turns -= 1) {
      if (random.chance(0.4)) frontend = random.pick(nodes.frontends);
      const tag = random.pick(tags);
      const result = await pullImage({ facts, client: clientOf(id, frontend.port, caller), repository }, tag);
      trace(`${id} at ${frontend.name}: ${repository.fullName}:${tag} as ${caller.user} ${caller.account}: ${result}`);
      if (result === 'left') return;
      await pause(random(4_000));
      if (random.chance(0.2))
        await readList(
          facts,
          clientOf(id, frontend.port, caller),
          random.pick(['tags', 'referrers', 'catalog']),
          repository,
        );
    }
  });
  const crowds = crowdedBy(faults, repositories).map((repository) => {
    const puller = () => clientOf('the crowd', random.pick(nodes.frontends).port, operator);
    return crowd({ facts, repository, puller, tags, random });
  });
  const thefts = Array.from({ length: random(3) }, async (_, i) => {
    await within();
    const port = () => random.pick(nodes.frontends).port;
    const thief = clientOf(`thief ${i}`, port(), anyCaller(isGuarded));
    await steal({ facts, thief, puller: clientOf(`puller ${i}`, port(), operator), tags, random, trace });
  });
  const moves = Array.from({ length: random(4) }, async () => {
    await within();
    const repository = random.pick(repositories);
    const tag = random.pick(tags);
    if (hostile.includes(repository) && random.chance(0.5)) pushHandMade(repository, honest, tag, random);
    else moveTag(repository, tag, random);
    trace(`${repository.fullName}:${tag} moves to ${currentOf(repository, tag)}`);
  });
  const changeRights = async () => {
    for (let i = random(3); i > 0; i -= 1) {
      await pause(random(actionsWithinMs / 2));
      const isAdmitted = i % 2 === 0;
      callers.change(isAdmitted);
      await logins.change(isAdmitted);
      trace(`sometimes and ben are ${isAdmitted ? 'admitted' : 'refused'}`);
    }
  };
  const purging = Array.from({ length: random.pick([0, 0, 1, 2]) }, async () => {
    await within();
    await purges.purge();
  });
  if (random.chance(facts.isCalm ? 0.5 : 0.15)) purging.push(within().then(purgeInFlight));
  await Promise.all([...pulls, ...crowds, ...thefts, ...moves, changeRights(), ...purging]);
  await applied.end();
  callers.change(true);
  await logins.change(true);
  clearWeather(weather);
  for (const upstream of upstreams.all) upstream.clearFaults();
  await pause(has('upstream throttles') ? forgivingMs : settleMs);

  // A forgotten tag loses its count, so the counts are compared only if no tag is forgotten.
  if (facts.isCalm && purges.count === 0 && forgetAfterMs === hourMs)
    await pullCounts.judge(nodes, repositories, problem);
  const isRebuilt = random.chance(rebuiltShare);
  if (isRebuilt) await checkRebuild(nodes, { repositories, weather }, problem);
  isSettled = true;
  const { name: lastName, port: lastPort } = random.pick(nodes.frontends);
  const revoked = clientOf(`revoked at ${lastName}`, lastPort, { user: 'ben', account: 'sometimes:s' });
  const itsOwn = honest.find(({ isPrivate }) => isPrivate) ?? honest[0]!;
  await pullImage({ facts, client: revoked, repository: itsOwn }, tags[0]!);
  callers.change(false);
  if (random.chance(0.5)) moveTag(repositories[0]!, tags[0]!, random);
  await pause(ttlMs + staleWhileRevalidateMs + gapMs);
  for (const [i, { name, port }] of nodes.frontends.entries()) {
    const repository = honest[(seed + i) % honest.length]!;
    await servesNow(facts, clientOf(`final client at ${name}`, port, operator), repository, random.pick(tags));
  }
  await logins.change(false);
  await pullImage({ facts, client: revoked, repository: itsOwn }, tags[0]!);
  const stranger = { user: random.pick(['ben', 'eve'] as const), account: random.pick(strangers) };
  const thief = clientOf('the last thief', lastPort, stranger);
  await steal({ facts, thief, puller: clientOf('the last puller', lastPort, operator), tags, random, trace });
  await pause(isScrubbed ? scrubbedWithinMs : 0);
  await pause(quietMs);
  const isBusy = async () =>
    nodes.jobs.size > 0 || (await countFills(nodes)) > 0 || (await storedBytes(nodes, weather)) > maxBytes;
  for (let waitedMs = 0; waitedMs < idleWithinMs && (await isBusy()); waitedMs += idlePollMs) await pause(idlePollMs);
  await judgeStore(nodes, { maxBytes, weather }, problem);
  // Otherwise blobs stored during an outage of the index may be unknown until a scrub or a pull finds them.
  if (isRebuilt || facts.isCalm) await judgeIndex(nodes, problem);
  await judgeRest(nodes, { repositories, subscriptions }, problem);
  return async () => {
    for (const left of await nodes.close()) problem(left);
    await upstreams.close();
  };
}
