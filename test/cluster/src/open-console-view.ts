// The console in a real browser, on one page that stays open and so must update itself.
import { openBrowser, openConsole } from '@cistern/test-product/open-browser';
import type { Owner } from '@cistern/single-node/open-stage';
import { ensureDebianPackages } from '@cistern/test-servers';
import type { SeenProblem } from './open-operators-view.ts';

export interface ConsoleAccess {
  /** The origin of the admin server. */
  readonly url: string;
  /** The page that stays open, such as `nodes`. */
  readonly page: string;
  readonly operator?: { readonly username: string; readonly password: string } | undefined;
}

export interface ShownConsole {
  /** The state of the connection to the server, such as `Live`. */
  readonly connection: string;
  /** Says since when the page is not current; `null` if it is. */
  readonly notice: string | null;
  readonly verdict: string;
  /** The texts of the list of problems. */
  readonly problems: readonly string[];
  /** The texts of the red segments of the strip, and of everything red below the strip. */
  readonly redSegments: readonly string[];
  readonly redContent: readonly string[];
  /** Errors of the page since it was opened, except for responses with an error status. */
  readonly errors: readonly string[];
}

export interface ConsoleView {
  /** Resolves to what the page shows now. */
  read(): Promise<ShownConsole>;
}

/** Runs in the page. */
const readPage = String.raw`(() => {
  const texts = (selector) =>
    [...document.querySelectorAll(selector)].map((element) => element.textContent.replace(/\s+/g, ' ').trim());
  return {
    connection: texts('.connection')[0],
    notice: texts('#well .notice')[0] ?? null,
    verdict: texts('#well .verdict')[0],
    problems: texts('#well .problem'),
    redSegments: texts('#well li.bad'),
    redContent: texts('main .bad, main .critical, main .failed'),
  };
})()`;

/** Installs Chromium if it is missing. The browser is closed with its owner. */
export async function openConsoleView(
  owner: Owner,
  { url, page: name, operator }: ConsoleAccess,
): Promise<ConsoleView> {
  await ensureDebianPackages(['chromium', 'fonts-dejavu-core']);
  const browser = await openBrowser();
  owner.after(() => browser.close());
  const { page, offences } = await openConsole(browser, url, operator && { httpCredentials: operator });
  await page.goto(`${url}/console/#/${name}`);
  return {
    async read() {
      const shown = await page.evaluate<Omit<ShownConsole, 'errors'>>(readPage);
      return { ...shown, errors: offences.filter((text) => !text.startsWith('Failed to load resource')) };
    },
  };
}

/** Returns how the console differs from these problems. `undefined` if it shows them, their texts, and nothing else. */
export function findDifference(shown: ShownConsole, problems: readonly SeenProblem[]): string | undefined {
  const { connection, verdict, redSegments, redContent, errors } = shown;
  const critical = problems.filter(({ severity }) => severity === 'critical');
  const criticalParts = new Set(critical.map(({ part }) => part));
  const wantedVerdict = critical.length > 0 ? 'Not well' : problems.length > 0 ? 'Needs attention' : 'All well';
  const isExplained = (text: string) =>
    problems.some(({ part, reason }) => criticalParts.has(part) && text.includes(reason));
  if (errors.length > 0) return `the page has errors: ${errors.join('; ')}`;
  if (connection !== 'Live') return `its connection is ${connection}`;
  if (verdict !== wantedVerdict) return `its verdict is ${verdict} instead of ${wantedVerdict}`;
  const listed = problems.filter((problem) => shown.problems.some((text) => isListedAs(problem, text)));
  if (listed.length !== problems.length || shown.problems.length !== problems.length)
    return `it lists ${JSON.stringify(shown.problems)}`;
  if (redSegments.length !== criticalParts.size || !redSegments.every(isExplained))
    return `red in its strip: ${JSON.stringify(redSegments)}`;
  return redContent.length === 0 ? undefined : `red on its page: ${JSON.stringify(redContent)}`;
}

function isListedAs({ part, subject, severity, reason, works, mend, node }: SeenProblem, text: string): boolean {
  return [severity, part, subject, reason, works, mend, node].every((word) => text.includes(word ?? ''));
}
