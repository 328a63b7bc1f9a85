// Tests parsers of untrusted text on nearly valid strings: each returns a value that it would return again, or nothing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseHtpasswd } from './htpasswd/htpasswd-file.ts';
import { matchesWildcard } from './oidc/oidc-rules.ts';
import { parseBasic } from './authentication/create-authenticator.ts';
import { createRobotToken, isSecretOf, parseRobotToken } from './robots/robot-tokens.ts';

function nearly(...words: readonly string[]): fc.Arbitrary<string> {
  const piece = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...words) },
    fc.string({ unit: 'binary', maxLength: 4 }),
  );
  return fc.array(piece, { maxLength: 24 }).map((pieces) => pieces.join(''));
}

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

test('parsed credentials equal the encoded ones, or are rejected', () => {
  const text = fc.string({ unit: 'binary', maxLength: 40 });
  fc.assert(
    fc.property(text, text, (user, password) => {
      const found = parseBasic(basic(`${user}:${password}`));
      if (found === undefined) return;
      assert.equal(`${found.user}:${found.password}`, `${user}:${password}`.toWellFormed());
      assert.ok(!found.user.includes(':'));
    }),
  );
  fc.assert(
    fc.property(nearly('Basic ', 'basic', ' ', 'YWRhOng=', 'YWRh', '=', ',', '\t'), (header) => {
      const found = parseBasic(header);
      if (found !== undefined) assert.deepEqual(parseBasic(basic(`${found.user}:${found.password}`)), found);
    }),
  );
});

test('a users file is parsed, or fails with an error that names a line without its text', () => {
  const hash = `$2y$05$${'a'.repeat(53)}`;
  fc.assert(
    fc.property(nearly('ada', ':', hash, '\n', '\r\n', '#', ' ', '$apr1$x'), (text) => {
      try {
        for (const [user, kept] of parseHtpasswd(text).hashes) {
          assert.ok(user !== '' && !user.includes(':'));
          assert.match(kept, /^\$2b\$\d\d\$.{53}$/);
        }
      } catch (error) {
        assert.match((error as Error).message, /^line \d+ does not have the form <user>:<hash>$/);
      }
    }),
  );
});

test('a robot token is parsed, and a nearly equal text is rejected', () => {
  const { token, record } = createRobotToken({ name: 'x', createdAtMs: 0 });
  const character = fc.oneof(
    fc.constantFrom(...token.split('')),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  );
  fc.assert(
    fc.property(fc.nat(token.length - 1), character, (at, changed) => {
      const text = token.slice(0, at) + changed + token.slice(at + 1);
      const parsed = parseRobotToken(text);
      const isCorrect = parsed !== undefined && parsed.id === record.id && isSecretOf(record, parsed.secret);
      assert.equal(isCorrect, text === token);
      if (parsed !== undefined) assert.equal(`cistern_${parsed.id}_${parsed.secret}`, text);
    }),
  );
});

const claimTexts = fc.string({ unit: fc.constantFrom('a', 'b', '/', '*', '?', '\n'), maxLength: 12 });

test('a wildcard agrees with a regular expression', () => {
  const parts: Readonly<Record<string, string>> = { '?': '[^/]', '*': '[^/]*', '/': '\\/' };
  fc.assert(
    fc.property(claimTexts, claimTexts, (text, pattern) => {
      const source = pattern.replaceAll(/\*+|[?/]/g, (part) => parts[part] ?? '[^]*');
      assert.equal(matchesWildcard(text, pattern), new RegExp(`^${source}$`).test(text));
    }),
  );
});

test('a pattern with single stars matches only texts with as many slashes, and matches its literal text', () => {
  const single = claimTexts.map((pattern) => pattern.replaceAll(/\*+/g, '*'));
  fc.assert(
    fc.property(claimTexts, single, (text, pattern) => {
      if (matchesWildcard(text, pattern)) assert.equal(text.split('/').length, pattern.split('/').length);
      const spelledOut = pattern.replaceAll('*', 'ab').replaceAll('?', 'b');
      assert.ok(matchesWildcard(spelledOut, pattern));
      assert.ok(matchesWildcard(`${spelledOut}/${text}`, `${pattern}/**`));
    }),
  );
});
