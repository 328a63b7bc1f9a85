// The table of rights: the response for each caller, each content and each way to request it. No entry is derived from
// the product.

/** `own` and `other` are docker.io's team/app and team/secret. `twin` is ghcr.io's team/app, which has the same name as `own`. */
export type Part = 'own' | 'twin' | 'other';
export type CacheName = 'login' | 'open' | 'tokens' | 'verified';

/**
 * The ways `tag` and `digest` request the manifest, all others a blob. `ns`, `prefix` and `host` name the upstream. The
 * others name team/app of the default upstream, so `twin` is requested by the name of `own`. `flight` runs while
 * another client's pull is in flight. `memory` and `store` run when the blob is cached. `redirect` is for a cache that
 * redirects clients to its store.
 */
export const ways = [
  'tag',
  'digest',
  'head',
  'range',
  'ranges',
  'ns',
  'prefix',
  'host',
  'flight',
  'memory',
  'store',
  'redirect',
] as const;

/** The ways for lists. `later` uses the plain name at another frontend. */
export const listWays = ['plain', 'ns', 'prefix', 'host', 'later'] as const;

export interface Row<W> {
  readonly cache: CacheName;
  readonly caller: string;
  readonly part: Part;
  /** A status, or `empty` for a list without entries. Undefined means that the cell does not exist. */
  readonly cells: ReadonlyMap<W, string>;
}

/**
 * - `login` has users (ada, bea, eve, gil), robots and jobs. Only gil has an access token, and it is for team/app alone.
 *   `eve@in` is eve in the network 10.9.0.0/16.
 * - `open` has no logins, and rules by network.
 * - `tokens` accepts tokens of another server, each for one name: `team/app`, `ghcr.io/team/app`, `docker.io/team/secret`.
 * - `verified` lets docker.io decide: ann may read team/app, sam team/secret. Every client may read ghcr.io.
 *
 * A twin's manifest is never found under the name of `own`, so its tag and digest are 404 there. Its blobs are found,
 * because lazy pullers name the upstream for manifests only. This holds only for callers that may pull both.
 */
export const contentRows = parse(
  ways,
  `
            caller       part   tag digest head range ranges  ns prefix host  flight memory store redirect
  login     nobody       own    401 401    401  401   401     401 401   401   401    401    401   401
  login     nobody       twin   401 401    401  401   401     401 401   401   401    401    401   401
  login     nobody       other  401 401    401  401   401     401 401   401   401    401    401   401
  login     stranger     own    401 401    401  401   401     401 401   401   401    401    401   401
  login     stranger     twin   401 401    401  401   401     401 401   401   401    401    401   401
  login     stranger     other  401 401    401  401   401     401 401   401   401    401    401   401
  login     gil          own    200 200    200  206   206     200 200   200   200    200    200   307
  login     gil          twin   404 404    200  206   206     200 200   200   200    200    200   307
  login     gil          other  200 200    200  206   206     200 200   200   200    200    200   307
  login     ada          own    200 200    200  206   206     200 200   200   200    200    200   307
  login     ada          twin   404 404    200  206   206     200 200   200   200    200    200   307
  login     ada          other  403 403    403  403   403     403 403   403   403    403    403   403
  login     bea          own    200 200    200  206   206     200 200   200   200    200    200   307
  login     bea          twin   404 404    404  404   404     403 403   403   404    404    404   404
  login     bea          other  403 403    403  403   403     403 403   403   403    403    403   403
  login     eve@in       own    200 200    200  206   206     200 200   200   200    200    200   307
  login     eve@in       twin   404 404    404  404   404     403 403   403   404    404    404   404
  login     eve@in       other  200 200    200  206   206     200 200   200   200    200    200   307
  login     eve          own    200 200    200  206   206     200 200   200   200    200    200   307
  login     eve          twin   404 404    404  404   404     403 403   403   404    404    404   404
  login     eve          other  403 403    403  403   403     403 403   403   403    403    403   403
  login     own-robot    own    200 200    200  206   206     200 200   200   200    200    200   307
  login     own-robot    twin   404 404    404  404   404     403 403   403   404    404    404   404
  login     own-robot    other  403 403    403  403   403     403 403   403   403    403    403   403
  login     twin-robot   own    403 403    403  403   403     403 403   403   403    403    403   403
  login     twin-robot   twin   403 403    403  403   403     200 200   200   403    403    403   403
  login     twin-robot   other  403 403    403  403   403     403 403   403   403    403    403   403
  login     job          own    200 200    200  206   206     200 200   200   200    200    200   307
  login     job          twin   404 404    404  404   404     403 403   403   404    404    404   404
  login     job          other  200 200    200  206   206     200 200   200   200    200    200   307
  login     gil-token    own    200 200    200  206   206     200 200   200   200    200    200   307
  login     gil-token    twin   404 404    404  404   404     401 401   401   404    404    404   404
  login     gil-token    other  401 401    401  401   401     401 401   401   401    401    401   401

  open      inside       own    200 200    200  206   206     200 200   200   200    200    200   307
  open      inside       twin   404 404    200  206   206     200 200   200   200    200    200   307
  open      inside       other  200 200    200  206   206     200 200   200   200    200    200   307
  open      outside      own    200 200    200  206   206     200 200   200   200    200    200   307
  open      outside      twin   404 404    200  206   206     200 200   200   200    200    200   307
  open      outside      other  403 403    403  403   403     403 403   403   403    403    403   403
  open      far          own    200 200    200  206   206     200 200   200   200    200    200   307
  open      far          twin   404 404    404  404   404     403 403   403   404    404    404   404
  open      far          other  403 403    403  403   403     403 403   403   403    403    403   403

  tokens    nobody       own    401 401    401  401   401     401 401   401   401    401    401   401
  tokens    nobody       twin   401 401    401  401   401     401 401   401   401    401    401   401
  tokens    nobody       other  401 401    401  401   401     401 401   401   401    401    401   401
  tokens    forged       own    401 401    401  401   401     401 401   401   401    401    401   401
  tokens    forged       twin   401 401    401  401   401     401 401   401   401    401    401   401
  tokens    forged       other  401 401    401  401   401     401 401   401   401    401    401   401
  tokens    all          own    200 200    200  206   206     200 200   200   200    200    200   307
  tokens    all          twin   404 404    200  206   206     200 200   200   200    200    200   307
  tokens    all          other  200 200    200  206   206     200 200   200   200    200    200   307
  tokens    app          own    200 200    200  206   206     200 200   200   200    200    200   307
  tokens    app          twin   404 404    404  404   404     401 401   200   404    404    404   404
  tokens    app          other  401 401    401  401   401     401 401   401   401    401    401   401
  tokens    twin         own    401 401    401  401   401     401 401   401   401    401    401   401
  tokens    twin         twin   401 401    401  401   401     200 200   200   401    401    401   401
  tokens    twin         other  401 401    401  401   401     401 401   401   401    401    401   401
  tokens    secret       own    401 401    401  401   401     401 401   401   401    401    401   401
  tokens    secret       twin   401 401    401  401   401     401 401   401   401    401    401   401
  tokens    secret       other  200 200    200  206   206     200 200   200   200    200    200   307

  verified  nobody       own    401 401    401  401   401     401 401   401   401    401    401   401
  verified  nobody       twin   401 401    401  401   401     200 200   200   401    401    401   401
  verified  nobody       other  401 401    401  401   401     401 401   401   401    401    401   401
  verified  wrong        own    401 401    401  401   401     401 401   401   401    401    401   401
  verified  wrong        twin   401 401    401  401   401     200 200   200   401    401    401   401
  verified  wrong        other  401 401    401  401   401     401 401   401   401    401    401   401
  verified  ann          own    200 200    200  206   206     200 200   200   200    200    200   307
  verified  ann          twin   404 404    200  206   206     200 200   200   200    200    200   307
  verified  ann          other  401 401    401  401   401     401 401   401   401    401    401   401
  verified  ann-token    own    200 200    200  206   206     200 200   200   200    200    200   307
  verified  ann-token    twin   404 404    200  206   206     200 200   200   200    200    200   307
  verified  ann-token    other  401 401    401  401   401     401 401   401   401    401    401   401
  verified  sam          own    401 401    401  401   401     401 401   401   401    401    401   401
  verified  sam          twin   401 401    401  401   401     200 200   200   401    401    401   401
  verified  sam          other  200 200    200  206   206     200 200   200   200    200    200   307
`,
);

/** Lists of tags. By its plain name, a twin's list is the list of `own`. */
export const tagRows = parse(
  listWays,
  `
            caller       part   plain  ns  prefix host later
  login     nobody       own    401    401 401    401  401
  login     nobody       twin   -      401 401    401  -
  login     nobody       other  401    401 401    401  401
  login     ada          own    200    200 200    200  200
  login     ada          twin   -      200 200    200  -
  login     ada          other  403    403 403    403  403
  login     bea          own    200    200 200    200  200
  login     bea          twin   -      403 403    403  -
  login     bea          other  403    403 403    403  403
  login     eve@in       other  200    200 200    200  200
  login     eve          other  403    403 403    403  403
  login     own-robot    own    200    200 200    200  200
  login     own-robot    twin   -      403 403    403  -
  login     own-robot    other  403    403 403    403  403
  login     twin-robot   own    403    403 403    403  403
  login     twin-robot   twin   -      200 200    200  -
  login     job          other  200    200 200    200  200
  login     job          twin   -      403 403    403  -
  login     gil-token    own    200    200 200    200  200
  login     gil-token    twin   -      401 401    401  -
  login     gil-token    other  401    401 401    401  401
  open      inside       other  200    200 200    200  200
  open      outside      other  403    403 403    403  403
  open      far          own    200    200 200    200  200
  open      far          twin   -      403 403    403  -
  tokens    forged       own    401    401 401    401  401
  tokens    app          own    200    200 200    200  200
  tokens    app          twin   -      401 401    200  -
  tokens    app          other  401    401 401    401  401
  tokens    twin         own    401    401 401    401  401
  tokens    twin         twin   -      200 200    200  -
  verified  nobody       own    401    401 401    401  401
  verified  nobody       twin   -      200 200    200  -
  verified  ann          own    200    200 200    200  200
  verified  ann          other  401    401 401    401  401
  verified  sam          own    401    401 401    401  401
  verified  sam          other  200    200 200    200  200
`,
);

/** Lists of referrers. By its plain name, a twin's image has no referrers. */
export const referrerRows = parse(
  listWays,
  `
            caller       part   plain  ns  prefix host later
  login     nobody       own    401    401 401    401  401
  login     nobody       twin   401    401 401    401  401
  login     ada          own    200    200 200    200  200
  login     ada          twin   empty  200 200    200  empty
  login     ada          other  403    403 403    403  403
  login     bea          own    200    200 200    200  200
  login     bea          twin   empty  403 403    403  empty
  login     bea          other  403    403 403    403  403
  login     eve@in       other  200    200 200    200  200
  login     eve          other  403    403 403    403  403
  login     twin-robot   own    403    403 403    403  403
  login     twin-robot   twin   403    200 200    200  403
  login     job          other  200    200 200    200  200
  login     job          twin   empty  403 403    403  empty
  login     gil-token    own    200    200 200    200  200
  login     gil-token    twin   empty  401 401    401  empty
  login     gil-token    other  401    401 401    401  401
  open      outside      other  403    403 403    403  403
  open      far          twin   empty  403 403    403  empty
  tokens    app          own    200    200 200    200  200
  tokens    app          twin   empty  401 401    200  empty
  tokens    app          other  401    401 401    401  401
  tokens    twin         own    401    401 401    401  401
  verified  nobody       own    401    401 401    401  401
  verified  ann          own    200    200 200    200  200
  verified  ann          other  401    401 401    401  401
  verified  sam          own    401    401 401    401  401
  verified  sam          other  200    200 200    200  200
`,
);

/**
 * `GET /v2/_catalog`, once all three repositories are cached. It lists no repository of an upstream that verifies its
 * callers.
 */
export const catalogRows: readonly (readonly [cache: CacheName, caller: string, answer: 401 | readonly Part[]])[] = [
  ['login', 'nobody', 401],
  ['login', 'stranger', 401],
  ['login', 'gil', ['own', 'other', 'twin']],
  ['login', 'ada', ['own', 'twin']],
  ['login', 'bea', ['own']],
  ['login', 'eve@in', ['own', 'other']],
  ['login', 'eve', ['own']],
  ['login', 'own-robot', ['own']],
  ['login', 'twin-robot', ['twin']],
  ['login', 'job', ['own', 'other']],
  ['login', 'gil-token', 401],
  ['open', 'inside', ['own', 'other', 'twin']],
  ['open', 'outside', ['own', 'twin']],
  ['open', 'far', ['own']],
  ['tokens', 'nobody', 401],
  ['tokens', 'forged', 401],
  ['tokens', 'app', 401],
  ['tokens', 'secret', 401],
  ['tokens', 'catalog', ['own', 'other', 'twin']],
  ['verified', 'nobody', ['twin']],
  ['verified', 'ann', ['twin']],
  ['verified', 'sam', ['twin']],
];

function parse<const W extends string>(names: readonly W[], text: string): readonly Row<W>[] {
  const [, ...lines] = text.split('\n').filter((line) => line.trim() !== '');
  return lines.map((line) => {
    const [cache, caller, part, ...cells] = line.trim().split(/\s+/);
    if (cells.length !== names.length) throw new Error(`The row must have ${names.length} cells: ${line}`);
    return {
      cache: cache as CacheName,
      caller: caller!,
      part: part as Part,
      cells: new Map(names.map((name, i) => [name, cells[i]!] as const).filter(([, cell]) => cell !== '-')),
    };
  });
}
