import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseChallenges } from './challenge.ts';

const cases: readonly [name: string, fields: string | string[] | undefined, expected: [string, object][]][] = [
  [
    'a Docker Hub challenge',
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/nginx:pull"',
    [
      [
        'bearer',
        {
          realm: 'https://auth.docker.io/token',
          service: 'registry.docker.io',
          scope: 'repository:library/nginx:pull',
        },
      ],
    ],
  ],
  [
    'a comma inside a quoted string',
    'Bearer realm="a",scope="repository:x:pull,push"',
    [['bearer', { realm: 'a', scope: 'repository:x:pull,push' }]],
  ],
  ['an escaped quote', String.raw`Basic realm="the \"old\" one"`, [['basic', { realm: 'the "old" one' }]]],
  [
    'two challenges in one field',
    'Basic realm="x", Bearer realm="y", service=z',
    [
      ['basic', { realm: 'x' }],
      ['bearer', { realm: 'y', service: 'z' }],
    ],
  ],
  [
    'two fields',
    ['Basic realm="x"', 'Bearer realm="y"'],
    [
      ['basic', { realm: 'x' }],
      ['bearer', { realm: 'y' }],
    ],
  ],
  [
    'a scheme without parameters',
    'Negotiate, Basic realm="x"',
    [
      ['negotiate', {}],
      ['basic', { realm: 'x' }],
    ],
  ],
  [
    'a token68',
    'Negotiate YWJj==, Basic realm=x',
    [
      ['negotiate', {}],
      ['basic', { realm: 'x' }],
    ],
  ],
  [
    'names in any case and blanks around the equals sign',
    'BEARER Realm = "y" , SERVICE=s',
    [['bearer', { realm: 'y', service: 's' }]],
  ],
  [
    'an unquoted URL',
    'Bearer realm=https://auth.example.com:8443/token,service=s',
    [['bearer', { realm: 'https://auth.example.com:8443/token', service: 's' }]],
  ],
  ['empty list elements', ', ,Basic realm="x",,', [['basic', { realm: 'x' }]]],
  ['a repeated parameter, of which the first counts', 'Bearer realm="a",realm="b"', [['bearer', { realm: 'a' }]]],
  [
    'an unterminated string after a valid challenge',
    'Basic realm="x", Bearer realm="y',
    [
      ['basic', { realm: 'x' }],
      ['bearer', {}],
    ],
  ],
  ['a parameter without a scheme', 'realm="x"', []],
  ['an invalid field', '"""', []],
  ['a missing field', undefined, []],
];

for (const [name, fields, expected] of cases)
  test(`challenges: ${name} is parsed`, () => {
    const parsed = parseChallenges(fields).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);
    assert.deepEqual(parsed, expected);
  });

test('challenges: a hostile field is parsed in linear time', () => {
  const began = process.cpuUsage();
  parseChallenges(`Bearer realm="${'\\'.repeat(500_000)}`);
  parseChallenges(`Bearer ${'a='.repeat(500_000)}`);
  parseChallenges(`Bearer${' '.repeat(500_000)}x`);
  // Linear parsing takes well under a second. Quadratic parsing would take minutes.
  assert.ok(process.cpuUsage(began).user < 30_000_000);
});
