// The index of the decisions, generated from the first lines of the records.

const introduction = `# Decisions

*This page is generated from the records: change them, then run \`npm run docs\`.*

A record states the reasons for a decision. Records are numbered in order and have about thirty lines. The decision of a
record does not change, apart from its status: a later record names the one that it replaces.`;

/** `records` has the name and text of each file, in order. Returns Markdown that ends with a line break. */
export function describeDecisions(records) {
  const rows = records.map(({ file, text }) => {
    const [, number, title, status] = /^# (\d{4}): (.+)\n\nStatus: (.+)\n\n/.exec(text) ?? [];
    if (number === undefined || !file.startsWith(`${number}-`))
      throw new Error(`docs/decisions/${file} must begin with "# ${file.slice(0, 4)}: Title" and "Status: accepted".`);
    return `| [${number}](${file}) | ${title} | ${status} |`;
  });
  return `${[introduction, ['| number | title | status |', '|---|---|---|', ...rows].join('\n')].join('\n\n')}\n`;
}
