import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ClientFacts, createFacts, parseCacheAddress } from './client-setup.ts';
import { clientSetups } from './client-setups.ts';

const upstreams = [
  { name: 'ghcr.io', aliases: ['ghcr-io'], isDefault: false },
  { name: 'docker.io', aliases: ['index.docker.io', 'docker-io'], isDefault: true },
];
const plain = createFacts(parseCacheAddress('http://cache.example:5000', '/ignored.crt'), upstreams);
const known = createFacts(parseCacheAddress('https://cache.example', undefined), upstreams);
const own = createFacts(parseCacheAddress('https://cache.example', '/etc/ssl/our.crt'), upstreams);

const textOf = (client: string, facts: ClientFacts) =>
  (clientSetups[client]?.(facts) ?? []).map(({ content }) => content).join('\n');

/** The settings that make each client use plain HTTP for the cache. */
const plainHttpSettings = {
  docker: /"insecure-registries": \[\s*"cache\.example:5000"/,
  containerd: /\[host\."http:\/\/cache\.example:5000"\]/,
  buildkit: /\[registry\."cache\.example:5000"\]\n {2}http = true\n {2}insecure = true/,
  earthly: /\[registry\."cache\.example:5000"\]\n {6}http = true/,
  podman: /location = "cache\.example:5000\/docker\.io"\ninsecure = true/,
  k3s: /"docker\.io":\n {4}endpoint: \["http:\/\/cache\.example:5000"\]/,
  kaniko: /--insecure-registry=cache\.example:5000/,
};

for (const [client, setting] of Object.entries(plainHttpSettings))
  test(`${client} is set up for plain HTTP, a public CA and a private CA`, () => {
    assert.match(textOf(client, plain), setting);
    assert.doesNotMatch(textOf(client, plain), /ignored/);
    assert.doesNotMatch(textOf(client, known), /insecure|http = true|http:|\.crt/);
    assert.match(textOf(client, known), /cache\.example(?!:)/);
    assert.match(textOf(client, own), /\/etc\/ssl\/our\.crt/);
  });

test('hosts and paths that a file or a command could misread are rejected', () => {
  const url = 'https://cache.example';
  for (const path of [
    '/etc/ssl/our.crt; reboot',
    '/etc/ssl/$(reboot).crt',
    '/etc/ssl/`reboot`.crt',
    "/etc/ssl/a'b",
    '/etc/ssl/a"b',
    '/etc/ssl/a\nb',
    '/etc/ssl/a b',
    '/a:/b',
    '/a*',
    '~/a',
    '#a',
    String.raw`a\b`,
    '-t',
    '',
  ])
    assert.throws(() => parseCacheAddress(url, path), /is not a valid path/, path);
  for (const path of ['/etc/ssl/our.crt', 'ca.crt', '../ca@2.crt', '/home/jürgen/a_b+c-d=e%f.pem'])
    assert.equal(parseCacheAddress(url, path).authority, path);
  for (const host of ['a;reboot', 'a$(reboot)', 'a`b`', "a'b", 'a"b', 'a&b', '$a', 'a(b', 'a{b,c}', 'a*'])
    assert.throws(() => parseCacheAddress(`https://${host}`, undefined), TypeError, host);
  for (const host of ['cache_1.example:5000', '[2001:db8::1]:8443', '192.0.2.1'])
    assert.equal(parseCacheAddress(`https://${host}`, undefined).host, host);
});

test('every client has a setup, and each step has a note', () => {
  assert.deepEqual(Object.keys(clientSetups).toSorted(), Object.keys(plainHttpSettings).toSorted());
  for (const setup of Object.values(clientSetups))
    for (const { note, content } of setup(own)) assert.ok(note.length > 20 && content.length > 20);
});

const kanikoOf = (...served: readonly (typeof upstreams)[number][]) => {
  const [step] = clientSetups['kaniko']?.(createFacts(known.cache, served)) ?? [];
  return { map: /--registry-map='(.*)'/.exec(step?.content ?? '')?.[1], note: step?.note ?? '' };
};

test('kaniko maps the default upstream to the cache itself, and others to a name without a dot', () => {
  assert.equal(kanikoOf(...upstreams).map, 'index.docker.io=cache.example;ghcr.io=cache.example/ghcr-io');
  const [ghcr, hub] = upstreams as [(typeof upstreams)[number], (typeof upstreams)[number]];
  assert.equal(kanikoOf({ ...hub, isDefault: false }).map, 'index.docker.io=cache.example/docker-io');
  assert.equal(kanikoOf({ ...ghcr, name: 'internal', aliases: [] }).map, 'internal=cache.example/internal');
});

test('kaniko omits an upstream without such a name, and the note names the setting', () => {
  const { map, note } = kanikoOf(
    { name: 'registry.example', aliases: [], isDefault: true },
    { name: 'ghcr.io', aliases: ['github.example'], isDefault: false },
  );
  assert.equal(map, 'registry.example=cache.example');
  assert.match(note, /ghcr\.io: set upstreams\.<name>\.aliases, for example \[ghcr-io\]/);
});

for (const url of ['cache.example', 'ftp://cache.example', 'https://cache.example/v2', 'https://cache.example?a'])
  test(`${url} is not a valid address of a cache`, () => {
    assert.throws(() => parseCacheAddress(url, undefined), TypeError);
  });
