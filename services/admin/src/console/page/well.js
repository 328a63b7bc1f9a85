// Decides what the strip "Is it well?" shows, and which actions are possible now.
import { formatAgo, formatCount, formatMs, formatTime } from './format.js';

/** @import { Account, CacheNode, ShownProblem } from './api-types.d.ts' */
/** @import { Live } from './page.d.ts' */

/**
 * @typedef {object} Segment
 * @property {string} text
 * @property {'good' | 'warn' | 'bad'} state
 * @property {string} href of the page that explains it
 * @property {string} explanation
 */

/** The pages that explain the parts of the cache. */
const pageOf = /** @type {Readonly<Record<string, string>>} */ ({
  upstreams: '#/upstreams',
  credentials: '#/upstreams',
});
const shownAccounts = 3;
/** @type {readonly (readonly [CacheNode['role'], string])[]} */
const countedRoles = [
  ['standalone', 'node'],
  ['frontend', 'frontend'],
  ['worker', 'worker'],
];

/**
 * The problems, critical ones first.
 * @param {Live} live
 * @returns {readonly ShownProblem[]}
 */
export function problemsOf({ overview }) {
  return overview?.problems ?? [];
}

/**
 * @param {Live} live
 * @param {readonly ShownProblem[]} problems
 * @returns {readonly Segment[]}
 */
export function segmentsOf({ overview, nodes, budget }, problems) {
  if (overview === undefined && nodes === undefined) return [];
  const running = (nodes ?? []).filter(({ state }) => state === 'running');
  const roles = new Set(running.map(({ role }) => role));
  const counts = countedRoles
    .filter(([role]) => (role === 'standalone' ? roles.has(role) : !isSingle(roles)))
    .map(([role, noun]) => {
      const segment = countSegment(running, role, noun);
      return role === 'frontend' ? segment : withProblems(segment, 'workers', problems);
    });
  const segments = [
    ...counts,
    withProblems(roundTripSegment('index', running), 'index', problems),
    withProblems(roundTripSegment('store', running), 'store', problems),
    ...budgetSegments(budget?.accounts ?? []),
  ];
  const shown = new Set(['workers', 'index', 'store']);
  const others = Map.groupBy(
    problems.filter(({ part }) => !shown.has(part)),
    ({ part }) => part,
  );
  return [
    ...segments,
    ...[...others].map(([part, own]) => {
      const subject = own.length === 1 ? own[0]?.subject : undefined;
      const href = pageOf[part] ?? '#/nodes';
      return withProblems({ text: subject ?? part, state: 'good', href, explanation: '' }, part, problems);
    }),
  ];
}

/** @param {ReadonlySet<CacheNode['role']>} roles of the running nodes */
function isSingle(roles) {
  return roles.has('standalone') && !roles.has('frontend') && !roles.has('worker');
}

/**
 * @param {readonly CacheNode[]} running
 * @param {CacheNode['role']} role
 * @param {string} noun
 * @returns {Segment}
 */
function countSegment(running, role, noun) {
  const count = running.filter((node) => node.role === role).length;
  const text = `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
  return { text, state: 'good', href: '#/nodes', explanation: 'The running nodes.' };
}

/**
 * @param {'index' | 'store'} part
 * @param {readonly CacheNode[]} running
 * @returns {Segment}
 */
function roundTripSegment(part, running) {
  const known = running.flatMap((node) => node[part] ?? []);
  const times = known.flatMap(({ ms }) => ms ?? []).toSorted((one, other) => one - other);
  const median = times[Math.floor(times.length / 2)];
  const kind = known[0]?.kind ?? (part === 'index' ? 'Index' : 'Store');
  return {
    text: median === undefined ? kind : `${kind} ${formatMs(median)}`,
    state: 'good',
    href: '#/nodes',
    explanation: median === undefined ? `The ${part} works.` : `The ${part} works; median of the nodes.`,
  };
}

/**
 * The accounts with a limit, the scarcest first.
 * @param {readonly Account[]} accounts
 * @returns {Segment[]}
 */
function budgetSegments(accounts) {
  const limited = accounts.flatMap(({ limit, remaining, ...account }) =>
    limit === null || remaining === null ? [] : [{ ...account, limit, remaining }],
  );
  return limited
    .toSorted((one, other) => one.remaining / one.limit - other.remaining / other.limit)
    .slice(0, shownAccounts)
    .map(({ upstream, limit, remaining, reserve, backedOffUntil }) => {
      const isBackedOff = backedOffUntil !== null && backedOffUntil > Date.now();
      const isLow = remaining <= (reserve ?? 0);
      return {
        text: `${upstream} ${formatCount(remaining)}/${formatCount(limit)}`,
        state: isBackedOff || isLow ? 'warn' : 'good',
        href: '#/upstreams',
        explanation: isBackedOff
          ? 'The cache is backing off.'
          : isLow
            ? 'Only the reserve for content that is not cached is left.'
            : 'Pulls left.',
      };
    });
}

/**
 * @param {Segment} segment
 * @param {string} part
 * @param {readonly ShownProblem[]} problems
 * @returns {Segment}
 */
function withProblems(segment, part, problems) {
  const own = problems.filter((problem) => problem.part === part);
  const [first] = own;
  if (first === undefined) return segment;
  const isCritical = own.some(({ severity }) => severity === 'critical');
  return { ...segment, state: isCritical ? 'bad' : 'warn', explanation: first.reason };
}

/**
 * Says since when the page shows no current data; `undefined` if it is current.
 * @param {Live} live
 */
export function viewNotice({ connection, overview, overviewAt, unavailable }) {
  const { view } = overview ?? {};
  if (view?.isCurrent !== false && connection !== 'lost' && unavailable === undefined) return undefined;
  const asOf = view?.isCurrent === false ? view.asOf : overviewAt;
  const reason =
    connection === 'lost' ? 'The connection to the cache is lost.' : (unavailable ?? 'The index is unavailable.');
  if (asOf === undefined || asOf === null) return `${reason} Nothing is known yet.`;
  return `${reason} This page shows the state of ${formatTime(asOf)}, ${formatAgo(asOf)}.`;
}

/**
 * Says why an action is not possible now; `undefined` if it is.
 * @param {Live} live
 * @param {readonly string[]} parts the parts of the cache that the action needs
 */
export function reasonAgainst(live, parts) {
  const { me, connection } = live;
  if (me === undefined) return 'It is not known yet what you may do.';
  if (!me.mayAct) return me.reason ?? 'You may not change anything.';
  if (connection === 'lost') return 'Not possible now: the connection to the cache is lost.';
  // A full part still allows the actions that free space.
  const missing = problemsOf(live).find(
    ({ kind, part, severity, node }) =>
      severity === 'critical' && node === null && parts.includes(part) && !kind.endsWith('-full'),
  );
  return missing && `Not possible now: ${missing.part} is unavailable. ${missing.reason}`;
}
