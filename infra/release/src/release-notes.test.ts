import assert from 'node:assert/strict';
import { test } from 'node:test';
import { releaseNotes } from './release-notes.ts';

const changelog = `# Changelog

## [Unreleased]

- Later.

## [1.2.0] - 2026-01-02

### Added

- A feature.

## [1.1.0] - 2026-01-01

- Earlier.
`;

test('the notes are the section of the version, without its heading', () => {
  assert.equal(releaseNotes(changelog, '1.2.0'), '### Added\n\n- A feature.\n');
  assert.equal(releaseNotes(changelog, '1.1.0'), '- Earlier.\n');
});

test('a version without a section is an error', () => {
  assert.throws(() => releaseNotes(changelog, '1.2'), /CHANGELOG\.md has no section "## \[1\.2\]"\. Write one\./);
});
