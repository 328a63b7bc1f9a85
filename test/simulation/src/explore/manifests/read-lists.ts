// Reads lists of tags, referrers and repositories, and checks that they contain only names that the caller may pull.
import { Agent } from 'node:http';
import { runAs } from '../../world/owner.ts';
import { schedule } from '../../world/schedule.ts';
import { addressOf } from './address-of.ts';
import { exchange } from './exchange.ts';
import type { SimulatedRepository } from './image-catalog.ts';
import type { Client } from './pull-image.ts';
import type { ScenarioFacts } from './scenario-facts.ts';

interface Lists {
  readonly tags?: readonly string[];
  readonly repositories?: readonly string[];
}

/** Reads the tags or referrers of the repository, or the catalog. */
export async function readList(
  facts: ScenarioFacts,
  client: Client,
  list: 'tags' | 'referrers' | 'catalog',
  repository: SimulatedRepository,
): Promise<void> {
  const { clientName, owner, port, caller, random } = client;
  const startedAtMs = schedule.nowMs;
  const resource = list === 'referrers' ? `referrers/${random.pick([...repository.manifests.keys()])}` : 'tags/list';
  const address =
    list === 'catalog'
      ? { path: '/v2/_catalog', headers: {}, scopeOf: () => repository.fullName }
      : addressOf(repository, resource, random);
  const agent = runAs(owner, () => new Agent());
  const headers = { ...address.headers, ...client.headersOf(address.scopeOf(repository)) };
  const { path } = address;
  const options = { port, agent, method: 'GET', path, headers, leavesAfterMs: undefined, slowness: 0, random } as const;
  const found = await runAs(owner, () => exchange(options));
  runAs(owner, () => agent.destroy());
  if (found.result === 'late') facts.problem(`${clientName}: ${list} never ends`);
  if (found.result !== 'answer' || found.status !== 200) return;
  const listed = JSON.parse(found.body.toString()) as Lists;
  const request = { reference: undefined, caller, startedAtMs, endedAtMs: schedule.nowMs };
  const mayRead = (one: SimulatedRepository) => facts.mayRead({ ...request, repository: one, scope: one });
  if (list !== 'catalog' && !mayRead(repository))
    facts.problem(`${clientName} got the ${list} of ${repository.fullName} as ${JSON.stringify(caller)}`);
  for (const tag of listed.tags ?? [])
    if (!repository.tags.has(tag)) facts.problem(`${clientName}: ${repository.fullName} never had the tag ${tag}`);
  for (const name of listed.repositories ?? []) {
    const one = facts.repositories.find(({ fullName }) => fullName === name);
    if (one === undefined || one.isPrivate || !mayRead(one))
      facts.problem(`${clientName}: the catalog has ${name} for ${JSON.stringify(caller)}`);
  }
}
