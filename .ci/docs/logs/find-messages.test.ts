import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { findMessages } from './find-messages.mjs';

const declarations = `
  declare const log: Record<'warn' | 'info' | 'error', (fields: object, message?: string) => void>;
  declare function read(): { bytes: number; blobs: number };
  declare const isFirst: boolean;
`;

function messagesIn(t: TestContext, code: string) {
  const folder = mkdtempSync(join(tmpdir(), 'cistern-logs-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: { strict: true }, files: ['a.ts'] }));
  writeFileSync(join(folder, 'a.ts'), `${declarations}${code}\nexport {};`);
  const messages = findMessages(join(folder, 'tsconfig.json'), (path: string) => path.endsWith('/a.ts'));
  return messages.map(({ levels, message, fields }) => ({ levels, message, fields }));
}

test('a message has its level, its text and the fields of spreads', (t) => {
  assert.deepEqual(messagesIn(t, `log.warn({ ...read(), digest: 'x' }, 'store full');`), [
    { levels: ['warn'], message: 'store full', fields: ['bytes', 'blobs', 'digest'] },
  ]);
});

test('conditions, constants, arguments and variable levels give each text and level', (t) => {
  const code = `
    log.info({}, isFirst ? 'first' : 'second');
    const constant = 'third';
    log.info({}, constant);
    function warn(message: string) { log.warn({}, message); }
    warn('fourth');
    function loop({ name }: { name: string }) { log.warn({}, \`\${name} failed\`); }
    loop({ name: 'scrub' });
    loop({ name: 'eviction' });
    const level = isFirst ? 'info' : 'error';
    log[level]({}, 'fifth');
  `;
  assert.deepEqual(
    messagesIn(t, code).map(({ levels, message }) => [message, ...levels].join(' ')),
    [
      'first info',
      'second info',
      'third info',
      'fourth warn',
      'scrub failed warn',
      'eviction failed warn',
      'fifth error info',
    ],
  );
});

test('a message that is only known at run time is an error that names the file', (t) => {
  assert.throws(() => messagesIn(t, `export const warn = (error: Error) => log.warn({}, error.message);`), /a\.ts/);
});
