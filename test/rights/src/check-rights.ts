// Checks the cells of the table of rights at a cache. Cells that must be refused are requested while nothing is cached,
// and again when everything is cached.
import { type Answer, beginDownload, sendRequest } from '@cistern/single-node/send-request';
import { createGate } from '@cistern/fake-upstream';
import {
  requestContent,
  requestPart,
  findLeak,
  isRefusal,
  judgeContent,
  type ListWay,
  type Way,
} from './request-cell.ts';
import type { Credentials, PartContent, RightsSite, RightsWorld } from './open-rights-world.ts';
import {
  type CacheName,
  catalogRows,
  contentRows,
  type Part,
  referrerRows,
  type Row,
  tagRows,
} from './rights-table.ts';

export interface CheckOptions {
  /** Whether the site redirects clients to the store. If so, only the way `redirect` is checked. */
  readonly redirects?: boolean;
  /** Checks one of every `every` cells. Default: all cells. */
  readonly every?: number;
}

export interface Checked {
  readonly cells: number;
  /** Descriptions of the wrong cells. */
  readonly problems: readonly string[];
}

interface Cell<W> {
  readonly caller: string;
  readonly part: Part;
  readonly way: W;
  readonly expected: string;
}

/** Callers that may pull each part by its own name, so that the part becomes cached. */
const pullers: Readonly<Record<CacheName, Readonly<Record<Part, string>>>> = {
  login: { own: 'gil', twin: 'gil', other: 'gil' },
  open: { own: 'inside', twin: 'inside', other: 'inside' },
  tokens: { own: 'all', twin: 'all', other: 'all' },
  verified: { own: 'ann', twin: 'ann', other: 'sam' },
};
const warm = new Set<Way>(['flight', 'memory', 'store', 'redirect']);

export async function checkRights(
  world: RightsWorld,
  cache: CacheName,
  site: RightsSite,
  { redirects = false, every = 1 }: CheckOptions = {},
): Promise<Checked> {
  const { parts } = world;
  const first = site.urls[0]!;
  const last = site.urls.at(-1)!;
  const problems: string[] = [];
  let checked = 0;
  const sample = <W>(cells: readonly Cell<W>[]) => cells.filter((_, at) => at % every === 0);
  const note = (subject: string, expected: string, problem: string | undefined) => {
    if (problem !== undefined) problems.push(`${cache} ${subject}: expected ${expected}, got ${problem}`);
  };

  const credentialsFor = memoized((caller) => world.credentialsOf(cache, caller, site));
  /**
   * These callers have an address of their own. A client that requests a blob again gets verified bytes and no
   * redirect.
   */
  const pullerOf = memoized((part) => world.credentialsOf(cache, pullers[cache][part as Part], site));
  const pull = async (part: Part, leaf: string) => {
    const { status, body } = await requestPart(first, parts[part], 'ns', leaf, { headers: await pullerOf(part) });
    if (status !== 200 && status !== 307) throw new Error(`${part} ${leaf} is ${status}: ${body.toString()}`);
  };

  const checkContent = async (cells: readonly Cell<Way>[], when: string) => {
    for (const { caller, part, way, expected } of cells) {
      const answer = await requestContent(
        way === 'store' ? last : first,
        parts[part],
        way,
        await credentialsFor(caller),
      );
      note(`${caller} ${part} ${way}, ${when}`, expected, judgeContent(answer, parts[part], way, expected));
    }
  };

  /** Callers send requests while another pull is held back. All refusals are checked before that pull ends. */
  const checkFlight = async (part: Part, cells: readonly Cell<Way>[]) => {
    const { upstream, upstreamName, repository, blobs } = parts[part];
    const gate = createGate();
    upstream.addFault({ endpoint: 'blob', digest: blobs.flight.digest }, { gate });
    gate.allow(blobs.flight.bytes.length / 2);
    const url = `${first}/v2/${repository}/blobs/${blobs.flight.digest}?ns=${upstreamName}`;
    const download = await beginDownload(url, { headers: await pullerOf(part) });
    await download.untilReceived(1);
    const check = async (cell: Cell<Way>) => {
      const answer = await requestContent(first, parts[part], cell.way, await credentialsFor(cell.caller));
      const problem = judgeContent(answer, parts[part], cell.way, cell.expected);
      note(`${cell.caller} ${part} flight`, cell.expected, problem);
    };
    const allowed = cells.filter(({ expected }) => !isRefusal(expected)).map(check);
    for (const cell of cells) if (isRefusal(cell.expected)) await check(cell);
    gate.release();
    await Promise.all([...allowed, download.ended]);
  };

  const checkLists = async (
    rows: readonly Row<ListWay>[],
    leafOf: (part: PartContent) => string,
    isListed: (body: string, part: PartContent) => boolean,
  ) => {
    const cells = sample(cellsOf(rows, cache));
    checked += cells.length;
    for (const { caller, part, way, expected } of cells) {
      const content = parts[part];
      const url = way === 'later' ? last : first;
      const answer = await requestPart(url, content, way, leafOf(content), { headers: await credentialsFor(caller) });
      note(`${caller} ${part} ${leafOf(content)} ${way}`, expected, judgeList(answer, content, expected, isListed));
    }
  };

  const checkCatalog = async () => {
    for (const [, caller, expected] of catalogRows.filter(([name]) => name === cache)) {
      checked += 1;
      const { status, body } = await sendRequest(`${last}/v2/_catalog`, { headers: await credentialsFor(caller) });
      const names = (part: Part) => `${parts[part].upstreamName}/${parts[part].repository}`;
      const wanted = expected === 401 ? '401' : JSON.stringify({ repositories: expected.map(names).sort() });
      const got = status === 200 ? body.toString() : String(status);
      note(`${caller} catalog`, wanted, got === wanted ? undefined : got);
    }
  };

  const partNames = Object.keys(parts) as Part[];
  const cells = sample(cellsOf(contentRows, cache).filter(({ way }) => (way === 'redirect') === redirects));
  checked += cells.length;
  await checkContent(
    cells.filter(({ way, expected }) => isRefusal(expected) && way !== 'flight'),
    'nothing cached',
  );
  for (const part of partNames) {
    await pull(part, `manifests/${parts[part].tag}`);
    await pull(part, `manifests/${parts[part].manifest.digest}`);
  }
  await checkContent(
    cells.filter(({ way, expected }) => !isRefusal(expected) && !warm.has(way)),
    'blobs not cached yet',
  );
  for (const part of partNames) {
    const inFlight = cells.filter((cell) => cell.way === 'flight' && cell.part === part);
    if (inFlight.length > 0) await checkFlight(part, inFlight);
    for (const { digest } of Object.values(parts[part].blobs)) {
      await pull(part, `blobs/${digest}`);
      await pull(part, `blobs/${digest}`);
    }
  }
  await checkContent(
    cells.filter(({ way }) => way !== 'flight'),
    'everything cached',
  );
  if (!redirects) {
    await checkLists(
      tagRows,
      () => 'tags/list',
      (body, { tag }) => body.includes(`"${tag}"`),
    );
    await checkLists(
      referrerRows,
      ({ manifest }) => `referrers/${manifest.digest}`,
      (body, { tag }) => body.includes(`"application/of-${tag}"`),
    );
    await checkCatalog();
  }
  return { cells: checked, problems };
}

function memoized(load: (name: string) => Promise<Credentials>): (name: string) => Promise<Credentials> {
  const known = new Map<string, Promise<Credentials>>();
  return (name) => {
    const found = known.get(name) ?? load(name);
    known.set(name, found);
    return found;
  };
}

function cellsOf<W>(rows: readonly Row<W>[], cache: CacheName): Cell<W>[] {
  return rows
    .filter((row) => row.cache === cache)
    .flatMap(({ caller, part, cells }) => [...cells].map(([way, expected]) => ({ caller, part, way, expected })));
}

function judgeList(
  answer: Answer,
  part: PartContent,
  expected: string,
  isListed: (body: string, part: PartContent) => boolean,
): string | undefined {
  const body = answer.body.toString();
  if (String(answer.status) !== (expected === 'empty' ? '200' : expected))
    return `${answer.status} ${body.slice(0, 300)}`;
  if (isRefusal(expected))
    return findLeak(answer, part) ?? (isListed(body, part) ? 'a refusal with its list' : undefined);
  return isListed(body, part) === (expected === '200') ? undefined : body.slice(0, 300);
}
