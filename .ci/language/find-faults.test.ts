// language: the snippets are wrong on purpose
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findFaults } from './find-faults.mjs';

const rulesIn = (source: string, path = 'a.ts') => findFaults(path, source).map(({ rule }) => rule);
const words = (count: number) => Array.from({ length: count }, () => 'word').join(' ');

const wrong: Record<string, readonly string[]> = {
  tell: ['It tells the node.', 'Clients are told.', 'There is no telling.'],
  wish: ['It is by his wish.', 'As wished for.'],
  whoever: ['It is for whoever asks.', 'By whomever.'],
  somebody: ['It waits for somebody.'],
  nobody: ['It is served to nobody.'],
  anew: ['It begins anew.'],
  'of-late': ['Images pulled of late.'],
  'come-in': ['Users come in by password.', 'The client that came in.'],
  'let-in': ['No client is let in.', 'It lets users in.'],
  'left-alone': ['The upstream is left alone.', 'It leaves the upstream alone.'],
  'sign-of-life': ['It gives no sign of life.'],
  'stand-lie': ['The names stand in one file.', 'The bytes lie on the disk.'],
  'is-away': ['Redis is away.', 'While it was away.'],
  'in-place-of': ['A token in place of a password.'],
  'clause-subject': ['What is stored stays.', 'Who asks must log in.', 'What the parsers throw.'],
  'what-is': ['Here what is stored stays for ever.', 'As before, what a client sends is what it has is read.'],
  fragment: ['Of all nodes.', 'Absent: all of them.'],
  'long-sentence': [`${words(26)}.`],
};

const right = [
  'Tellurium and untold numbers are not words of ours.',
  'A pair comes in two forms.',
  'The clock stands still, and a clean end would be a lie.',
  'It lets a worker in the cluster continue.',
  'It says what is wrong and is done.',
  'What is it?',
  'The name stands for a registry.',
  'Of course it is.',
  `A ${words(24)}. A ${words(24)}.`,
];

for (const [rule, sentences] of Object.entries(wrong))
  test(`${rule} is found in comments, strings and Markdown`, () => {
    for (const sentence of sentences) {
      assert.ok(rulesIn(`// ${sentence}\n`).includes(rule), sentence);
      assert.ok(rulesIn(`/**\n * ${sentence}\n */\n`).includes(rule), sentence);
      assert.ok(rulesIn(`throw new Error('${sentence}');\n`).includes(rule), sentence);
      assert.ok(rulesIn(`${sentence}\n`, 'a.md').includes(rule), sentence);
      assert.ok(rulesIn(`| a | ${sentence} |\n`, 'a.md').includes(rule), sentence);
    }
  });

test('plain sentences pass', () => {
  for (const sentence of right) {
    assert.deepEqual(rulesIn(`// ${sentence}\n`), [], sentence);
    assert.deepEqual(rulesIn(`${sentence}\n`, 'a.md'), [], sentence);
  }
});

test('identifiers, code, quotations and data are not read', () => {
  for (const source of [
    'const told = tell(wish);\n',
    '// Calls `tell` and {@link told}.\n',
    '/** @param {object} wish */\n',
    '// The specification says "the client is told".\n',
    "run('tell --wish');\n",
    'const pattern = /the node is told/;\n',
    'const half = a / b; // (c / d)\n',
  ])
    assert.deepEqual(rulesIn(source), [], source);
  for (const source of [
    '```\nit tells the node\n```\n',
    '~~~ sh\necho told\n~~~\n',
    'Run `cistern tell`.\n',
    '> The client is told.\n',
    'As RFC 9110 says, "the client is told".\n',
    'See [the page](docs/nobody-is-told.md).\n',
    '<!-- it is told -->\n',
  ])
    assert.deepEqual(rulesIn(source, 'a.md'), [], source);
});

test('the line of a fault is its own, also in a comment of several lines and in a template', () => {
  const source = '// One line.\n// Another one, which\n// tells.\nlog(`for ${a({ b: `${c}` })} it\nis told`);\n';
  assert.deepEqual(
    findFaults('a.ts', source).map(({ rule, line, text }) => [rule, line, text]),
    [
      ['tell', 3, 'tells'],
      ['tell', 5, 'told'],
    ],
  );
});

test('the lines of a comment are one sentence, those of a table and of a list are not', () => {
  const half = words(15);
  assert.deepEqual(rulesIn(`// ${half}\n// ${half}.\n`), ['long-sentence']);
  assert.deepEqual(rulesIn(`if (a) {\n  // ${half}\n  // ${half}.\n}\n`), ['long-sentence']);
  assert.deepEqual(rulesIn(`{\n  /** ${half}\n   * ${half}. */\n}\n`), ['long-sentence']);
  assert.deepEqual(rulesIn(`// ${half}\n\n// ${half}.\n`), []);
  assert.deepEqual(rulesIn(`// A ${half}.\n// real-time: ${half}\n`), []);
  assert.deepEqual(rulesIn(`// a    ${half}\n// b    ${half}\n`), []);
  assert.deepEqual(rulesIn(`- ${half}\n- ${half}\n`, 'a.md'), []);
  assert.deepEqual(rulesIn(`${half}\n${half}\n`, 'a.md'), ['long-sentence']);
});

test('code in a sentence counts as one word', () => {
  assert.deepEqual(rulesIn(`${words(24)} \`a b c d\`.\n`, 'a.md'), []);
});

test('headings may begin with what', () => {
  assert.deepEqual(rulesIn('## What the cache does\n', 'a.md'), []);
});

test('a reason on the line before exempts a line, and one in the head a file', () => {
  assert.deepEqual(rulesIn('a();\n// language: a name of theirs\n// It tells.\n'), []);
  assert.deepEqual(rulesIn('a();\n// language: a name of theirs\nb();\n// It tells.\n'), ['tell']);
  assert.deepEqual(rulesIn('a();\n// language:\n// It tells.\n'), ['tell']);
  assert.deepEqual(rulesIn('// language: snippets\na();\n// It tells.\n'), []);
  assert.deepEqual(rulesIn('Text.\n\n<!-- language: a title -->\nIt tells.\n', 'a.md'), []);
});
