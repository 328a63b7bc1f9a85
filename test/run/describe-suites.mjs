// Formats the end of a run of suites: a line for each suite, the total numbers, and the command for each failed test.

/**
 * `done` has results of `runSuite` with `name` and `seconds`. `notRun` has the names of the suites after the first
 * failed one.
 */
export function describeSuites(done, notRun) {
  const lines = done.map(
    ({ name, exitCode, tests, seconds }) =>
      `${exitCode === 0 ? '✔' : '✖'} ${name}: ${tests === 0 ? '' : `${tests} tests, `}${seconds.toFixed(0)} s`,
  );
  if (notRun.length > 0) lines.push(`  not run: ${notRun.join(', ')}`);
  const failures = done.flatMap((suite) => suite.failures);
  if (failures.length > 0) lines.push('', 'Failed tests, each alone:', ...new Set(failures.map(commandFor)));
  const sum = (key) => done.reduce((total, suite) => total + suite[key], 0);
  const [tests, passed, skipped] = ['tests', 'passed', 'skipped'].map(sum);
  if (tests > 0)
    lines.push(
      '',
      `ℹ tests ${tests}`,
      `ℹ pass ${passed}`,
      `ℹ fail ${tests - passed - skipped}`,
      `ℹ skipped ${skipped}`,
    );
  return `\n${lines.join('\n')}\n`;
}

function commandFor({ file, name }) {
  const only = name === undefined ? '' : ` --test-name-pattern='${escapeForShell(escapeForPattern(name))}'`;
  return `  npm test -- ${file}${only}`;
}

function escapeForPattern(text) {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}

function escapeForShell(text) {
  return text.replaceAll("'", String.raw`'\''`);
}
