// The notes of a release are its section of the changelog.

/** Returns the section without its heading. Throws an Error if the changelog has no such section. */
export function releaseNotes(changelog: string, version: string): string {
  const sections = changelog.split(/^(?=## \[)/m);
  const found = sections.find((section) => section.startsWith(`## [${version}]`));
  if (found === undefined) throw new Error(`CHANGELOG.md has no section "## [${version}]". Write one.`);
  return `${found.slice(found.indexOf('\n')).trim()}\n`;
}
