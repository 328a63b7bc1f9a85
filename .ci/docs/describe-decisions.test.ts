import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeDecisions } from './describe-decisions.mjs';

const record = (number: string, status: string) =>
  `# ${number}: What we chose\n\nStatus: ${status}\n\n**Context.** Why.\n`;

test('a record becomes a row with its number, title and status', () => {
  const page = describeDecisions([
    { file: '0001-what-we-chose.md', text: record('0001', 'replaced by 0002') },
    { file: '0002-what-we-chose.md', text: record('0002', 'accepted') },
  ]);
  assert.match(page, /\n\| \[0001\]\(0001-what-we-chose\.md\) \| What we chose \| replaced by 0002 \|\n/);
  assert.match(page, /\n\| \[0002\]\(0002-what-we-chose\.md\) \| What we chose \| accepted \|\n$/);
});

test('a record without a status, or with a wrong number, is an error that names it', () => {
  for (const text of ['# 0003: What we chose\n\n**Context.** Why.\n', record('0004', 'accepted')])
    assert.throws(() => describeDecisions([{ file: '0003-what-we-chose.md', text }]), /0003-what-we-chose\.md/);
});
