// Checks the generated files against the documentation of the clients: every key is known, in the right place and of
// the right type. No test starts these clients. In test/clients, docker with its BuildKit, containerd, podman and
// skopeo read their files.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse as parseToml } from 'smol-toml';
import { parse as parseYaml } from 'yaml';
import { type ClientFacts, createFacts, parseCacheAddress } from './client-setup.ts';
import { clientSetups } from './client-setups.ts';

const upstreams = ['docker.io', 'ghcr.io', 'localhost:5001'];
const served = upstreams.map((name) => ({
  name,
  aliases: [name.replaceAll(/[.:]/g, '-')],
  isDefault: name === 'docker.io',
}));
const [plain, known, own] = [
  ['http://cache.example:5000', undefined],
  ['https://cache.example', undefined],
  ['https://[2001:db8::1]:8443', '/etc/ssl/our.crt'],
].map(([url, authority]) => createFacts(parseCacheAddress(url!, authority), served)) as [
  ClientFacts,
  ClientFacts,
  ClientFacts,
];

type Table = Readonly<Record<string, unknown>>;
type Grammar = Readonly<Record<string, (value: unknown) => void>>;

const isText = (value: unknown) => assert.equal(typeof value, 'string');
const isTrue = (value: unknown) => assert.equal(value, true);
const isList = (isItem: (item: unknown) => void) => (value: unknown) => {
  assert.ok(Array.isArray(value) && value.length > 0);
  for (const item of value) isItem(item);
};
const isTable = (grammar: Grammar) => (value: unknown) => {
  assert.ok(typeof value === 'object' && value !== null);
  for (const [key, item] of Object.entries(value)) {
    const check = grammar[key];
    assert.ok(check !== undefined, `${key} is not a documented key`);
    check(item);
  }
};
const isMap = (isItem: (item: unknown) => void) => (value: unknown) => {
  assert.ok(typeof value === 'object' && value !== null);
  for (const item of Object.values(value)) isItem(item);
};

/** A registry without a scheme, optionally with a path. */
const isHost = (value: unknown) => assert.match(String(value), /^(\[[0-9a-f:]+\]|[a-z0-9.-]+)(:\d+)?(\/[\w./-]+)?$/);
const isUrl = (value: unknown) => assert.match(new URL(String(value)).protocol, /^https?:$/);

/** Checks a file against docs.docker.com, "buildkitd.toml", section `registry`. */
const isBuildkit = isTable({
  registry: isMap(
    isTable({ mirrors: isList(isHost), http: isTrue, insecure: isTrue, ca: isList(isText), keypair: isList(isText) }),
  ),
});

function onlyStep(client: string, facts: ClientFacts) {
  const [step, ...more] = clientSetups[client]!(facts);
  assert.deepEqual(more, []);
  return step!;
}

function registriesOf(content: string, { cache }: ClientFacts, authority: string | undefined) {
  const table = parseToml(content);
  isBuildkit(table);
  const { [cache.host]: ourselves, ...others } = table['registry'] as Readonly<Record<string, Table>>;
  assert.deepEqual(Object.keys(others), upstreams);
  for (const { mirrors } of Object.values(others)) assert.deepEqual(mirrors, [cache.host]);
  assert.deepEqual(ourselves?.['ca'], authority === undefined ? undefined : [authority]);
  assert.equal(ourselves?.['http'], cache.isPlain ? true : undefined);
}

for (const facts of [plain, known, own]) {
  const { url, authority } = facts.cache;

  test(`the file of buildkit for ${url} follows its documentation`, () =>
    registriesOf(onlyStep('buildkit', facts).content, facts, authority));

  // docs.earthly.dev, "Configuration reference": TOML in a YAML literal.
  test(`the file of earthly for ${url} follows its documentation`, () => {
    const { content } = onlyStep('earthly', facts);
    const parsed = parseYaml(content) as { global: Table };
    isTable({ global: isTable({ buildkit_additional_config: isText, buildkit_additional_args: isList(isText) }) })(
      parsed,
    );
    const { buildkit_additional_config: config, buildkit_additional_args: args } = parsed.global;
    const [flag, volume] = (args ?? []) as string[];
    const [outside, inside] = volume?.split(':') ?? [];
    assert.deepEqual([flag, outside], authority === undefined ? [undefined, undefined] : ['-v', authority]);
    registriesOf(String(config), facts, inside);
  });

  // docs.k3s.io, "Private Registry Configuration".
  test(`the file of k3s for ${url} follows its documentation`, () => {
    const { content } = onlyStep('k3s', facts);
    const parsed = parseYaml(content) as { mirrors: Table; configs?: Table };
    isTable({
      mirrors: isMap(isTable({ endpoint: isList(isUrl), rewrite: isMap(isText) })),
      configs: isMap(
        isTable({
          tls: isTable({ ca_file: isText, cert_file: isText, key_file: isText, insecure_skip_verify: isTrue }),
        }),
      ),
    })(parsed);
    assert.deepEqual(Object.keys(parsed.mirrors), upstreams);
    const expected = authority === undefined ? undefined : { [facts.cache.host]: { tls: { ca_file: authority } } };
    assert.deepEqual(parsed.configs, expected);
  });

  // kaniko's README, "Additional Flags": original=mapped, separated by semicolons.
  test(`the arguments of kaniko for ${url} follow its documentation`, () => {
    const { content } = onlyStep('kaniko', facts);
    const [executor, ...flags] = content.replaceAll("'", '').split(/ \\\n {2}/);
    assert.equal(executor, '/kaniko/executor');
    assert.equal(flags.pop(), '…');
    const values = Object.fromEntries(
      flags.map((flag) => /^--([a-z-]+)=(.*)$/.exec(flag)!.slice(1) as [string, string]),
    );
    const { 'registry-map': map = '', ...reached } = values;
    const pairs = map.split(';').map((pair) => pair.split('=') as [string, string]);
    for (const pair of pairs) for (const side of pair) isHost(side);
    const { host, isPlain } = facts.cache;
    assert.deepEqual(Object.fromEntries(pairs), {
      'index.docker.io': host,
      'ghcr.io': `${host}/ghcr-io`,
      'localhost:5001': `${host}/localhost-5001`,
    });
    assert.deepEqual(reached, {
      ...(isPlain && { 'insecure-registry': host }),
      ...(authority !== undefined && { 'registry-certificate': `${host}=${authority}` }),
    });
  });
}
