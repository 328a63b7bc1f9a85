// Tests all string parsers with strings that are almost valid. Each parser returns a value that it would parse to the same value,
// or throws its own error.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseRangeHeader, formatContentRange, parseContentRange } from './byte-range.ts';
import { parseDigest, parseReference, parseTag, parseRepositoryName } from './names.ts';
import { layoutBlobPath, parseLayoutBlobPath } from './image-layout.ts';
import { parsePlatformName } from './platform-name.ts';
import { OciSyntaxError } from './syntax-error.ts';
import { parseV2Path } from './v2-path.ts';

const hex = 'ab'.repeat(32);
const digest = `sha256:${hex}`;

/** Words of the grammar in any order, mixed with other text. */
function nearly(...words: readonly string[]): fc.Arbitrary<string> {
  const piece = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...words) },
    fc.string({ unit: 'binary', maxLength: 4 }),
  );
  return fc.array(piece, { maxLength: 24 }).map((pieces) => pieces.join(''));
}

/** Checks that the parser returns its own result unchanged. */
function assertValueOrSyntaxError<T>(text: string, parse: (text: string) => T, format: (value: T) => string): void {
  let value: T;
  try {
    value = parse(text);
  } catch (error) {
    assert.ok(error instanceof OciSyntaxError, String(error));
    return;
  }
  assert.deepEqual(parse(format(value)), value);
}

test('accepted ranges are within the blob, and together no larger than it', () => {
  const header = nearly('bytes=', '-', ',', ' ', '\t', '0', '1', '9', '99999999999999999999');
  const prefixed = header.map((rest) => `bytes=${rest}`);
  fc.assert(
    fc.property(fc.oneof(prefixed, header), fc.nat(200), (text, size) => {
      const answer = parseRangeHeader(text, size);
      if (answer.kind !== 'ranges') return;
      let total = 0;
      for (const { start, end } of answer.ranges) {
        assert.ok(
          Number.isSafeInteger(start) && start >= 0 && start <= end && end < size,
          `${start}-${end} of ${size}`,
        );
        total += end - start + 1;
      }
      assert.ok(total > 0 && total <= size && answer.ranges.length <= 1024);
    }),
  );
});

test('an accepted Content-Range is consistent', () => {
  fc.assert(
    fc.property(nearly('bytes ', '0', '7', '12', '-', '/', '*', '9007199254740993'), (text) => {
      const { range, size } = parseContentRange(text) ?? {};
      if (range === undefined) return;
      assert.ok(range.start <= range.end && (size === undefined || range.end < size));
      if (size !== undefined) assert.deepEqual(parseContentRange(formatContentRange(range, size)), { range, size });
    }),
  );
});

test('digests, tags and references are parsed to themselves or rejected', () => {
  const text = nearly(digest, 'sha256:', 'sha512:', hex, hex + hex, 'v1', '.', '-', '_', ':', '@', '/', '%2F', '\n');
  fc.assert(
    fc.property(text, (value) => {
      assertValueOrSyntaxError(value, parseDigest, (parsed) => parsed);
      assertValueOrSyntaxError(value, parseTag, (parsed) => parsed);
      assertValueOrSyntaxError(value, parseReference, (parsed) => (parsed.kind === 'tag' ? parsed.tag : parsed.digest));
    }),
  );
});

test('repository names cannot leave a directory', () => {
  fc.assert(
    fc.property(nearly('library', 'a', '0', '/', '.', '..', '_', '__', '-', '%2e', '\0', '\\', 'A'), (text) => {
      assertValueOrSyntaxError(text, parseRepositoryName, (name) => {
        assert.match(name, /^[a-z0-9][a-z0-9._/-]*$/);
        assert.ok(!name.split('/').some((component) => component === '' || component.startsWith('.')), name);
        return name;
      });
    }),
  );
});

test('request paths are parsed or rejected, and their names cannot leave a directory', () => {
  const words = [
    '/v2',
    '/',
    'manifests/',
    'blobs/',
    'uploads',
    'tags/list',
    'referrers/',
    '_catalog',
    'latest',
    digest,
  ];
  const path = nearly(...words, 'library/app/', 'localhost:5000/', 'quay.io', '..', '%2e%2e', '%2F', '%00', '%', '%zz');
  fc.assert(
    fc.property(
      fc.oneof(
        path,
        path.map((rest) => `/v2/${rest}`),
      ),
      (text) => {
        try {
          const parsed = parseV2Path(text);
          const name = 'name' in parsed ? parsed.name : 'none';
          for (const part of [name, parsed.prefix ?? 'none']) assert.doesNotMatch(part, /\.\.|%|\0|\\|\/\//);
        } catch (error) {
          assert.ok(error instanceof OciSyntaxError, String(error));
        }
      },
    ),
  );
});

test('a long name that is almost valid is rejected as fast as others', () => {
  const component = fc.constantFrom('a', 'a-', 'a--', 'a.', 'a_', 'a__', '/', 'aaaaaaaa');
  fc.assert(
    fc.property(fc.array(component, { minLength: 2000, maxLength: 4000, size: 'max' }), (pieces) => {
      const text = pieces.join('');
      assert.throws(() => parseRepositoryName(text), OciSyntaxError);
      assert.throws(() => parseV2Path(`/v2/${text}/tags/list`), OciSyntaxError);
    }),
    { numRuns: 100 },
  );
});

test('platforms and blob paths of an image layout are parsed to themselves or rejected', () => {
  fc.assert(
    fc.property(nearly('linux', 'arm64', 'v8', 'unknown', '/', '.', ' ', 'Ⅷ'), (text) => {
      const platform = parsePlatformName(text);
      if (platform !== undefined) assert.equal(parsePlatformName(platform), platform);
    }),
  );
  fc.assert(
    fc.property(nearly('blobs/', 'sha256', 'sha512', '/', hex, '../', '.'), (text) => {
      const found = parseLayoutBlobPath(text);
      if (found !== undefined) assert.equal(layoutBlobPath(found), text);
    }),
  );
});
