import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changelog } from './debian-package.ts';

test("Debian's changelog has the version, the maintainer and the time of the release", () => {
  assert.equal(
    changelog('1.2.3', 'A Name <name@example>', new Date('2026-01-02T03:04:05Z')),
    [
      'cistern (1.2.3) stable; urgency=medium',
      '',
      '  * /usr/lib/cistern/CHANGELOG.md lists the changes.',
      '',
      ' -- A Name <name@example>  Fri, 02 Jan 2026 03:04:05 +0000',
      '',
    ].join('\n'),
  );
});
