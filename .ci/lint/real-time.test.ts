import { describe, it } from 'node:test';
import { RuleTester } from 'oxlint/plugins-dev';
import { realTime } from './real-time.mjs';

RuleTester.describe = (name, body) => void describe(name, body);
RuleTester.it = (name, body) => void it(name, body);

const real = 'test/adapters/a.test.ts';
const virtual = 'libs/oci/src/a.test.ts';
const delay = "import { setTimeout as delay } from 'node:timers/promises';\n";
const tester = new RuleTester({ languageOptions: { parserOptions: { lang: 'ts' } } });

tester.run('real-time', realTime, {
  valid: [
    { name: 'a test of a lib sleeps', filename: virtual, code: `${delay}await delay(5);` },
    { name: 'a simulation reads the clock', filename: 'test/simulation/a.test.ts', code: 'Date.now();' },
    { name: 'the head of a lib test gives a reason', filename: virtual, code: '// A.\n// real-time: real files\nb();' },
    { name: 'the clock is passed on', filename: real, code: 'open({ now: Date.now }); remember(Date.now);' },
    { name: 'a fixed date', filename: real, code: "new Date('2026-01-01'); new Date(0);" },
    { name: 'a type of a timer', filename: real, code: 'let a: ReturnType<typeof setTimeout>;' },
    { name: 'a name of the file’s own', filename: real, code: 'const delay = later; delay(5); at.setTimeout(5);' },
    {
      name: 'the line before the use gives a reason',
      filename: real,
      code: `${delay}// real-time: a\nawait delay(5);`,
    },
    {
      name: 'the line before the loop gives a reason for all of it',
      filename: real,
      code: `${delay}// real-time: polls\nwhile (open()) {\n  await delay(5);\n}`,
    },
    { name: 'the head gives a reason for the file', filename: real, code: '// real-time: a\nDate.now();\nDate.now();' },
    { name: 'a sentence about real time', filename: real, code: 'a();\n// Real time goes on: b.\nb();' },
  ],
  invalid: [
    ...[
      'Date.now();',
      'new Date();',
      'new Date;',
      'Date();',
      'performance.now();',
      'process.hrtime();',
      'process.hrtime.bigint();',
      'const now = Date.now;',
      'setTimeout(a, 5);',
      'setInterval(a, 5);',
      'setImmediate(a);',
      'promisify(setTimeout);',
      `${delay}await delay(5);`,
      "import { setImmediate } from 'node:timers/promises';\nawait setImmediate();",
      "import { scheduler } from 'node:timers/promises';\nawait scheduler.wait(5);",
      "import * as timers from 'node:timers/promises';\nawait timers.setTimeout(5);",
      "import { performance as own } from 'node:perf_hooks';\nown.now();",
      "import { hrtime } from 'node:process';\nhrtime();",
      "import process from 'node:process';\nprocess.hrtime();",
    ].map((code) => ({ name: code, filename: real, code, errors: [{ messageId: 'use' }] })),
    {
      name: 'a helper below test',
      filename: 'test/servers/src/until.ts',
      code: 'Date.now();',
      errors: [{ messageId: 'use', line: 1 }],
    },
    {
      name: 'a reason covers only the next line',
      filename: real,
      code: '// A.\nlet a;\n// real-time: b\na = Date.now();\na = Date.now();',
      errors: [{ messageId: 'use', line: 5 }],
    },
    {
      name: 'a reason before a function does not cover its body',
      filename: real,
      code: 'a();\n// real-time: b\nfunction c() {\n  Date.now();\n}',
      errors: [
        { messageId: 'unused', line: 2 },
        { messageId: 'use', line: 4 },
      ],
    },
    ...[
      '// real-time:',
      '// real-time: ',
      '//real-time: a',
      '// Real time: a',
      '/* real-time: a */',
      '// real-time',
    ].map((comment) => ({
      name: `not the form: ${comment}`,
      filename: virtual,
      code: `${comment}\na();`,
      errors: [{ messageId: 'form', line: 1 }],
    })),
    {
      name: 'a reason without a use',
      filename: real,
      code: '// real-time: a\nb();',
      errors: [{ messageId: 'unused' }],
    },
    {
      name: 'a reason after the head of a file on virtual time',
      filename: virtual,
      code: 'a();\n// real-time: b\nDate.now();',
      errors: [{ messageId: 'misplaced', line: 2 }],
    },
  ],
});
